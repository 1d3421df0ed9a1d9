"""What Celery's task events cost: the worker's throughput while it sends them and somebody listens, against without."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import redis

from tests.bench.measure import Base, Bench, Metric, SideName, Values
from tests.bench.measures.worker import finish_rate
from tests.bench.side import BenchFailed
from tests.bench.windrow_side import Windrow

#: The naive column is Windrow without events.
COST = Metric("events_cost", "jobs/s", True, 0.8)
#: A numbered database of Redis that nobody else uses.
REDIS = 4
#: Of a job: received, started, succeeded.
EVENTS = 3


class EventsCost(Base):
    """See the module."""

    def __init__(self) -> None:
        super().__init__("events_cost", (COST,))
        self._side: Windrow | None = None

    @contextmanager
    def around(self, bench: Bench) -> Iterator[None]:
        self._side = Windrow(bench.servers, redis_number=REDIS)
        self._side.start()
        yield
        self._side.stop()

    def round(self, bench: Bench, side: SideName) -> Values:
        assert self._side is not None
        where = self._side
        where.clean()
        where.fill(bench.jobs)
        heard: list[int] = []
        stopping = threading.Event()
        url = bench.servers.redis_url(REDIS)
        listener = threading.Thread(target=_listen, args=(url, stopping, heard), daemon=True)
        listener.start()
        try:
            with where.worker(False, *(["-E"] if side == "windrow" else [])) as worker:
                rate, _ = finish_rate(where, bench.jobs, worker.pid)
        finally:
            stopping.set()
            listener.join(10)
        # An event may carry several: those of tasks are sent together.
        if (side == "windrow") != (sum(heard) > bench.jobs * EVENTS * 20):
            raise BenchFailed(f"{sum(heard)} bytes of events were heard")
        where.clean()
        return {COST.name: {"": rate}}


def _listen(url: str, stopping: threading.Event, heard: list[int]) -> None:
    with redis.Redis.from_url(url) as client, client.pubsub() as channel:
        channel.psubscribe("*celeryev*")
        while not stopping.is_set():
            message = channel.get_message(timeout=0.2)
            if message is not None and message["type"] == "pmessage":
                heard.append(len(message["data"]))
