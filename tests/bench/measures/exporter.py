"""What statistics cost: the worker's throughput with fold at work and an exporter that is scraped, against without."""

from __future__ import annotations

import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.bench.measure import Base, Bench, Metric, SideName, Values
from tests.bench.measures.worker import finish_rate
from tests.bench.side import BenchFailed
from tests.bench.windrow_side import Windrow
from windrow.dev.ports import free_port

#: The naive column is Windrow without statistics: beat folds nothing, and there is no exporter.
COST = Metric("exporter_cost", "jobs/s", True, 0.95)
#: Prometheus' default is one in 15 s or more.
SCRAPE_SECONDS = 1.0
#: Longer than any run.
NEVER_SECONDS = "86400"
#: A numbered database of Redis that nobody else uses.
REDIS = 3


class ExporterCost(Base):
    """See the module."""

    def __init__(self) -> None:
        super().__init__("exporter_cost", (COST,))
        self._side: Windrow | None = None

    @contextmanager
    def around(self, bench: Bench) -> Iterator[None]:
        self._side = Windrow(bench.servers, redis_number=REDIS)
        self._side.start(with_beat=False)
        yield
        self._side.stop()

    def round(self, bench: Bench, side: SideName) -> Values:
        assert self._side is not None
        where, programs = self._side, bench.servers.programs
        port = free_port()
        where.clean()
        where.fill(bench.jobs)
        fold = {} if side == "windrow" else {"WINDROW_FOLD_SECONDS": NEVER_SECONDS}
        doors = [programs.start("beat", env={**where.env, **fold}, ready="")]
        stopping = threading.Event()
        scraped: list[int] = []
        scraper = threading.Thread(target=_scrape, args=(port, stopping, scraped))
        if side == "windrow":
            doors.append(programs.start("exporter", env={**where.env, "WINDROW_EXPORTER_PORT": str(port)}))
            scraper.start()
        try:
            with where.worker(warm=False) as worker:
                rate, _ = finish_rate(where, bench.jobs, worker.pid)
        finally:
            stopping.set()
            if scraper.ident is not None:
                scraper.join(10)
            for door in doors:
                door.stop(20)
        if side == "windrow" and not any(scraped):
            raise BenchFailed("the exporter was never scraped")
        where.clean()
        return {COST.name: {"": rate}}


def _scrape(port: int, stopping: threading.Event, scraped: list[int]) -> None:
    while not stopping.wait(SCRAPE_SECONDS):
        with (
            suppress(OSError),
            urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer,
        ):
            scraped.append(len(answer.read()))
