"""No-op jobs with results through a prefork worker, from a queue that is full when it starts."""

from __future__ import annotations

import time

from tests.bench.cpu import cpu_seconds
from tests.bench.measure import Base, Bench, Metric, SideName, Values
from tests.bench.side import Side, wait_until

NOOP = Metric("worker_noop", "jobs/s", True, 2)
CPU = Metric("worker_noop_cpu", "us/job", False)
#: The time is taken between these shares of the jobs: neither boot nor end are in it. A slow machine gets as
#: far as it gets in MAX_SECONDS.
FROM, TO = 0.1, 0.95
MAX_SECONDS = 10.0
POLL_SECONDS = 0.05


class Worker(Base):
    """See the module."""

    def __init__(self) -> None:
        super().__init__("worker_noop", (NOOP, CPU))

    def round(self, bench: Bench, side: SideName) -> Values:
        where = bench.side(side)
        where.clean()
        where.fill(bench.jobs)
        with where.worker(warm=False) as worker:
            rate, cpu = finish_rate(where, bench.jobs, worker.pid)
        where.clean()
        return {NOOP.name: {"": rate}, CPU.name: {"": cpu * 1e6}}


def finish_rate(side: Side, jobs: int, worker: int, timeout: float = 120.0) -> tuple[float, float]:
    """Jobs a second while the queue of `jobs` empties, and processor seconds a job."""
    processes = [worker, *side.processes()]
    wait_until(lambda: side.finished() >= FROM * jobs, "the first jobs", timeout, POLL_SECONDS)
    first, began, used = side.finished(), time.perf_counter(), cpu_seconds(processes)
    while side.finished() < TO * jobs and time.perf_counter() - began < MAX_SECONDS:
        time.sleep(POLL_SECONDS)
    last, ended = side.finished(), time.perf_counter()
    return (last - first) / (ended - began), (cpu_seconds(processes) - used) / (last - first)
