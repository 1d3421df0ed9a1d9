"""A real ledger, a real Redis and a cluster that answers over HTTP, with short words for what happens in them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from kubernetes.client.api_client import ApiClient
from kubernetes.client.configuration import Configuration

from tests.support.fake_cluster import NAMESPACE, FakeCluster
from windrow.broker.gauge import RedisGauge
from windrow.broker.keys import list_name, unacked_key
from windrow.core.job import NewJob, Outcome
from windrow.core.states import State
from windrow.scaler.cluster import Cluster
from windrow.scaler.metrics import Metrics
from windrow.scaler.protect import Protect
from windrow.scaler.raise_pools import RaisePools
from windrow.scaler.settings import ScalerSettings
from windrow.store.accept import accept
from windrow.store.claim import Start, claim, start
from windrow.store.finish import finish_plain
from windrow.store.ledger import Ledger
from windrow.store.workers import WorkerRow, register

POOLS = {
    "default": {"deployment": "w-default", "queues": ["a", "b"], "concurrency": 2, "max": 10},
    "slow": {"deployment": "w-slow", "queues": ["c"], "concurrency": 1, "max": 3, "scaled_object": "w-slow"},
}


class Clock:
    """Goes on only when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class World:
    """What the scaler sees."""

    def __init__(self, database_url: str, redis_url: str, cluster: FakeCluster) -> None:
        self.database_url = database_url
        self.redis_url = redis_url
        self.cluster = cluster
        self.clock = Clock()
        self.leads = True
        self.metrics = Metrics(sorted(POOLS))
        self.ledger = Ledger(database_url)
        self.redis: Any = redis.Redis.from_url(redis_url, decode_responses=True, socket_timeout=5)
        self._numbers = itertools.count(1)
        self._closing: list[Any] = [self.ledger, self.redis]

    def close(self) -> None:
        for part in self._closing:
            part.close()

    def settings(self, **changes: Any) -> ScalerSettings:
        given: dict[str, Any] = {
            "database_url": self.database_url,
            "redis_url": self.redis_url,
            "scaler_pools": POOLS,
            "scaler_namespace": NAMESPACE,
            "scaler_selector": "app=worker",
            "scaler_cluster_seconds": 2.0,
        }
        return ScalerSettings(**{**given, **changes})

    def api(self, url: str = "") -> Cluster:
        configuration = Configuration(host=url or self.cluster.url)
        configuration.retries = False
        client = ApiClient(configuration)
        self._closing.append(client)
        return Cluster(client, NAMESPACE, 2.0)

    def protect(self, **changes: Any) -> Protect:
        settings = self.settings(**changes)
        ledger = Ledger(self.database_url, statement_timeout=5.0)
        self._closing.append(ledger)
        return Protect(ledger, self.api(), self.metrics, settings, lambda: self.leads, self.clock)

    def raise_pools(self, **changes: Any) -> RaisePools:
        settings = self.settings(**changes)
        broker = RedisGauge(settings.redis_url, 2.0, rest=0.0)
        self._closing.append(broker)
        return RaisePools(broker, self.api(), self.metrics, settings, lambda: self.leads, self.clock)

    def worker(self, host: str, pool: str = "default") -> str:
        """A worker's row; the pod of that name may or may not be there."""
        worker = f"{host}-{next(self._numbers)}"
        row = WorkerRow(worker, f"celery@{host}", pool, "prefork", ["a"], 2, "1", host, 1)
        self.ledger.run(register, row, 60.0)
        return worker

    def begin(self, worker: str, count: int = 1, *, started: bool = True) -> list[Outcome]:
        """The worker claims and starts new jobs; the outcomes are for `end`."""
        ids = [f"job-{next(self._numbers)}" for _ in range(count)]
        token = next(self._numbers)
        self.ledger.run(accept, [NewJob(id=job_id, task="t", queue="a") for job_id in ids], False)
        assert len(self.ledger.run(claim, ids, worker, token)) == count
        if started:
            self.ledger.run(start, [Start(job_id, token, 0.0) for job_id in ids])
        return [Outcome(job_id, token, State.SUCCEEDED, "succeeded", result="1") for job_id in ids]

    def end(self, worker: str, outcomes: list[Outcome]) -> None:
        assert len(self.ledger.run(finish_plain, outcomes, worker).ids) == len(outcomes)

    def enqueue(self, queue: str, count: int, priority: int = 0) -> None:
        """Messages that wait."""
        self.redis.lpush(list_name(queue, priority), *(f'{{"id":"{n}","task":"t"}}' for n in range(count)))

    def take(self, pool: str, count: int) -> None:
        """Messages that workers hold."""
        self.redis.hset(unacked_key(pool), mapping={f"w:{n}": "a\n{}" for n in range(count)})

    def value(self, name: str, **labels: str) -> float | None:
        """A metric's value."""
        return self.metrics.registry.get_sample_value(f"windrow_scaler_{name}", labels)


@pytest.fixture
def cluster() -> Iterator[FakeCluster]:
    cluster = FakeCluster()
    yield cluster
    cluster.close()


@pytest.fixture
def world(database_url: str, redis_url: str, cluster: FakeCluster) -> Iterator[World]:
    world = World(database_url, redis_url, cluster)
    yield world
    world.close()
