"""PSS of a whole worker tree after the same number of tasks in the same pool."""

from __future__ import annotations

import re
import time
from pathlib import Path

import psutil

from tests.bench.measure import Base, Bench, Metric, SideName, Values
from tests.bench.side import BenchFailed, wait_until

MEMORY = Metric("worker_memory", "MiB", False, 1.15)
TASKS = 1_000
SETTLE_SECONDS = 1.0


class Memory(Base):
    """See the module. Memory is not noisy: two rounds are enough."""

    def __init__(self) -> None:
        super().__init__("worker_memory", (MEMORY,), max_rounds=2)

    def round(self, bench: Bench, side: SideName) -> Values:
        where = bench.side(side)
        where.clean()
        where.fill(TASKS)
        with where.worker(warm=False) as worker:
            wait_until(lambda: where.finished() >= TASKS, "the jobs", 180)
            time.sleep(SETTLE_SECONDS)
            size = tree_pss(worker.pid)
        where.clean()
        return {MEMORY.name: {"": size}}


def tree_pss(pid: int) -> float:
    """MiB of a process and all below it; what several share is divided among them."""
    first = psutil.Process(pid)
    return sum(_pss(process.pid) for process in (first, *first.children(recursive=True))) / 1024


def _pss(pid: int) -> int:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    found = re.search(r"^Pss: +(\d+) kB$", text, re.MULTILINE)
    if found is None:
        raise BenchFailed("this system does not tell a process's PSS")
    return int(found[1])
