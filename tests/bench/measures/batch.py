"""Many jobs: batches of 1,000 on two connections, against `delay()` in a loop. No worker runs.

Two, so that one batch is read while the other is saved.
"""

from __future__ import annotations

import os

from tests.bench.clients import load, python
from tests.bench.cpu import cpu_seconds
from tests.bench.measure import Base, Bench, Metric, SideName, Values

SIZE = 1_000
CONNECTIONS = 2
BATCH = Metric("batch_create", "jobs/s", True, 20)
CPU = Metric("batch_create_cpu", "us/job", False)


class Batch(Base):
    """See the module."""

    def __init__(self) -> None:
        super().__init__("batch_create", (BATCH, CPU))

    def round(self, bench: Bench, side: SideName) -> Values:
        where = bench.side(side)
        where.clean()
        used = cpu_seconds(where.processes())
        if side == "naive":
            env = {**os.environ, **bench.naive.env}
            found = python("tests.bench.delay_loop", str(bench.seconds), env=env, timeout=bench.seconds + 30)
            rate, jobs, cpu = found["jobs"] / found["seconds"], found["jobs"], found["cpu"]
        else:
            found = load(bench.windrow.api_port, bench.windrow.batch(SIZE), CONNECTIONS, bench.seconds)
            rate, jobs, cpu = SIZE * found["requests"] / found["seconds"], SIZE * found["answers"], 0.0
        cpu += cpu_seconds(where.processes()) - used
        where.clean()
        return {BATCH.name: {"": rate}, CPU.name: {"": cpu / jobs * 1e6}}
