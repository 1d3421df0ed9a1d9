"""How late a delayed job starts, counted from the submit plus its delay."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.bench.measure import Base, Bench, Metric, SideName, Values
from tests.bench.side import BenchFailed
from tests.bench.wire import Caller

DELAYED = Metric("delayed_start_p95", "ms", False, 250, absolute=True)
JOBS = 60
DELAYS = (0.5, 2.0)


class Delayed(Base):
    """See the module."""

    def __init__(self) -> None:
        super().__init__("delayed_start", (DELAYED,))

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
        caller = Caller(where.api_port)
        due: list[tuple[float, str]] = []
        try:
            for _ in range(JOBS):
                delay = random.uniform(*DELAYS)
                message = next(iter(where.stamps(delay).values()))
                at = time.monotonic()
                status, body = caller.call(message)
                if status != 202:
                    raise BenchFailed(f"a delayed submit was answered with {status}: {body}")
                due.append((at + delay, str(body["id"])))
                time.sleep(0.02)
        finally:
            caller.close()
        starts = where.stamped([job_id for _, job_id in due], 30)
        late = sorted(start - at for start, (at, _) in zip(starts, due, strict=True))
        return {DELAYED.name: {"": late[int(len(late) * 0.95)] * 1e3}}
