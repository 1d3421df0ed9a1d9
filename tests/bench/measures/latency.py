"""From a submit over HTTP to the task's start and to the result in the caller's hand: light load, one at a time."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from tests.bench.measure import Base, Bench, Metric, SideName, Values
from tests.bench.side import BenchFailed
from tests.bench.wire import Caller

START = tuple(Metric(f"submit_to_start_{p}", "ms", False, 1) for p in ("p50", "p99"))
RESULT = tuple(Metric(f"submit_to_result_{p}", "ms", False, 1) for p in ("p50", "p99"))
WARM_UP = 20
#: Seconds between two submits, random: nothing falls into step with a poll.
PAUSE = (0.015, 0.03)


class Latency(Base):
    """See the module."""

    def __init__(self) -> None:
        super().__init__("latency", (*START, *RESULT))

    @contextmanager
    def around(self, bench: Bench) -> Iterator[None]:
        bench.naive.clean()
        bench.windrow.clean()
        with ExitStack() as workers:
            workers.enter_context(bench.naive.worker())
            workers.enter_context(bench.windrow.worker())
            yield
        bench.naive.clean()
        bench.windrow.clean()

    def round(self, bench: Bench, side: SideName) -> Values:
        where = bench.side(side)
        values: dict[str, dict[str, float]] = {metric.name: {} for metric in self.metrics}
        caller = Caller(where.api_port)
        try:
            for variant, message in where.stamps().items():
                sent = [_submit(caller, message) for _ in range(WARM_UP + bench.requests)][WARM_UP:]
                starts = where.stamped([job_id for _, job_id in sent], 20)
                took = [start - at for start, (at, _) in zip(starts, sent, strict=True)]
                for metric, value in zip(START, percentiles(took), strict=True):
                    values[metric.name][variant] = value
            for variant, message in where.results().items():
                took = [_result(caller, message) for _ in range(WARM_UP + bench.requests)][WARM_UP:]
                for metric, value in zip(RESULT, percentiles(took), strict=True):
                    values[metric.name][variant] = value
        finally:
            caller.close()
        return values


def percentiles(seconds: Sequence[float]) -> tuple[float, float]:
    """Median and 99th percentile, in milliseconds."""
    ordered = sorted(seconds)
    return ordered[len(ordered) // 2] * 1e3, ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] * 1e3


def _submit(caller: Caller, message: bytes) -> tuple[float, str]:
    """When it was sent, and the job's id."""
    time.sleep(random.uniform(*PAUSE))
    at = time.monotonic()
    status, body = caller.call(message)
    if status != 202:
        raise BenchFailed(f"a submit was answered with {status}: {body}")
    return at, str(body["id"])


def _result(caller: Caller, message: bytes) -> float:
    time.sleep(random.uniform(*PAUSE))
    at = time.monotonic()
    status, body = caller.call(message)
    if status != 200 or body["result"] != 1:
        raise BenchFailed(f"waiting for a result was answered with {status}: {body}")
    return time.monotonic() - at
