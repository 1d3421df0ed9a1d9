"""Many jobs: batches of 1,000 on one connection, against `delay()` in a loop. No worker runs."""

from __future__ import annotations

import os

from tests.bench.clients import load, python
from tests.bench.measure import Base, Bench, Metric, SideName, Values

SIZE = 1_000
BATCH = Metric("batch_create", "jobs/s", True, 20)


class Batch(Base):
    """See the module."""

    def __init__(self) -> None:
        super().__init__("batch_create", (BATCH,))

    def round(self, bench: Bench, side: SideName) -> Values:
        where = bench.side(side)
        where.clean()
        if side == "naive":
            env = {**os.environ, **bench.naive.env}
            found = python("tests.bench.delay_loop", str(bench.seconds), env=env, timeout=bench.seconds + 30)
            rate = found["jobs"] / found["seconds"]
        else:
            found = load(bench.windrow.api_port, bench.windrow.batch(SIZE), 1, bench.seconds)
            rate = SIZE * found["requests"] / found["seconds"]
        where.clean()
        return {BATCH.name: {"": rate}}
