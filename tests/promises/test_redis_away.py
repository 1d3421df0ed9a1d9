"""Redis goes away, and comes back with nothing: jobs are accepted meanwhile, and all of them end."""

from __future__ import annotations

import pytest
import redis

from tests.promises.world import World
from windrow.dev.redis_server import RedisServer

pytestmark = pytest.mark.timeout(120)
#: Nobody is taken for dead here: a busy machine may hold a worker up for a second.
TIMES = {"WINDROW_LEASE_SECONDS": "15"}


@pytest.mark.parametrize(("forgets", "through"), [(False, "direct"), (True, "direct"), (True, "pgbouncer")])
def test_submits_are_accepted_while_redis_is_down_and_every_job_ends_after_its_return(
    world: World, redis_server: RedisServer, forgets: bool, through: str
) -> None:
    # A fifteenth of the defaults: what was sent before and is lost is found by settle.
    world.beat(settle_after_seconds="2", settle_every_seconds="2", settle_seconds="0.3")
    worker = world.worker(concurrency=2)
    world.api()
    with world.client() as client:
        world.until_known("nap")
        before = world.submit("nap", 0.3, "kept", count=30)
        world.until(lambda: world.states(before).get("succeeded", 0) > 2)
        redis_server.kill()
        try:
            answers = [
                client.post("/v1/jobs", json={"task": "nap", "input": [0.05, "kept"]}) for _ in range(20)
            ]
        finally:
            redis_server.start()
        if forgets:
            with redis.Redis.from_url(world.redis_url) as store:
                store.flushall()
        answers += [client.post("/v1/jobs", json={"task": "nap", "input": [0.05, "kept"]}) for _ in range(5)]
    assert {answer.status_code for answer in answers} == {202}
    ids = [*before, *(answer.json()["id"] for answer in answers)]
    world.wait_final(ids, 60)
    assert {(row["state"], row["failures"], row["result"]) for row in world.jobs(ids)} == {
        ("succeeded", 0, '"kept"')
    }
    assert world.lost() == (0, 0)
    assert worker.returncode is None
