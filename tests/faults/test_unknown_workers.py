"""A worker that died before the ledger knew it: what it had taken is not lost with it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import redis

from tests.integration.beat_world import World, wait_until
from tests.support.processes import Doors
from windrow.beat.chores.settle import Settle
from windrow.broker.message import Message
from windrow.broker.publisher import Publisher
from windrow.dev.postgres_server import PostgresServer

QUEUE = "shy"
#: An idle consumer looks for messages once a second.
LOOKS_SECONDS = 2.5


@pytest.fixture
def beats(database_url: str, redis_url: str) -> Iterator[World]:
    world = World(database_url, redis_url)
    yield world
    world.close()


@pytest.mark.timeout(300)
def test_a_worker_takes_nothing_before_the_ledger_knows_it(
    doors: Doors, postgres_server: PostgresServer, beats: World, redis_url: str
) -> None:
    beats.accept("j", published=True, task="faults.tick", queue=QUEUE)
    publisher = Publisher(redis_url)
    publisher.publish([Message("j", "faults.tick", QUEUE)])
    publisher.close()
    env = {"WINDROW_CELERY_APP": "tests.faults.app:app", "WINDROW_QUEUES": QUEUE, "WINDROW_POOL": "shy"}
    postgres_server.freeze()
    try:
        doors.start("worker", "--concurrency", "1", env=env)
        time.sleep(LOOKS_SECONDS)
        with redis.Redis.from_url(redis_url) as client:
            assert client.hlen("unacked:shy") == 0
            assert client.llen(QUEUE) == 1
    finally:
        postgres_server.thaw()
    wait_until(lambda: beats.state("j") == "succeeded", timeout=30)


def test_what_an_unknown_worker_took_is_sent_again_and_its_tags_go(beats: World) -> None:
    beats.worker("known", pool="p")
    taken(beats, "known", "held")
    taken(beats, "ghost", "orphan")
    assert Settle(beats.crew().tools).run().done == 1
    assert beats.messages() == ["orphan"]
    assert beats.redis.hkeys("unacked:p") == ["known:1held"]


def test_what_an_unknown_worker_took_just_now_stays_its_own(beats: World) -> None:
    beats.worker("known", pool="p")
    taken(beats, "ghost", "orphan", seconds=0)
    assert Settle(beats.crew(settle_after_seconds=30).tools).run().done == 0
    assert beats.redis.hkeys("unacked:p") == ["ghost:1orphan"]


def taken(beats: World, worker: str, job_id: str, seconds: float = 60) -> None:
    """Sent so long ago, and taken then by `worker` of the pool p."""
    beats.accept(job_id, published=True)
    beats.sql.execute(
        "UPDATE windrow.jobs SET published_at = clock_timestamp() - interval '60 s' WHERE id = %s", [job_id]
    )
    beats.hold(worker, job_id, pool="p")
    beats.redis.zadd("unacked_index:p", {f"{worker}:1{job_id}": beats.redis.time()[0] - seconds})
