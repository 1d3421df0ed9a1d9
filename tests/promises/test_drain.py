"""TERM lets jobs end, QUIT gives them back; neither counts as a failure, and nothing is lost."""

from __future__ import annotations

import signal
import time

import pytest

from tests.promises.world import World

pytestmark = pytest.mark.timeout(120)
#: Nobody is taken for dead here: a busy machine may hold a worker up for a second.
TIMES = {"WINDROW_LEASE_SECONDS": "15"}

POOLS = pytest.mark.parametrize(
    ("pool", "through"), [("prefork", "direct"), ("prefork", "pgbouncer"), ("threads", "direct")]
)


def live_messages(world: World) -> int:
    """Messages in the queue and in workers' hands."""
    held: int = sum(world.redis.hlen(key) for key in world.redis.keys("unacked:*"))
    return int(world.redis.llen("default")) + held


@POOLS
def test_a_job_shorter_than_the_drain_ends_in_its_worker_and_what_waits_is_given_back(
    world: World, pool: str, through: str
) -> None:
    worker = world.worker(pool=pool, concurrency=2)
    running = world.submit("nap", 6.0, "fine", count=2)
    world.wait_state(running, "running")
    waiting = world.submit("nap", 0.1, "fine", count=10)
    worker.send(signal.SIGTERM)
    assert worker.wait(60), worker.log()
    assert worker.returncode == 0
    assert [world.outcomes(job_id) for job_id in running] == [["succeeded"]] * 2
    assert world.states(waiting) == {"queued": 10}
    assert live_messages(world) == 10
    # No beat runs: what the next worker finds is what this one left.
    world.worker(pool=pool)
    world.wait_state(waiting, "succeeded")
    assert world.lost() == (0, 0)


@POOLS
def test_a_job_longer_than_the_drain_is_given_back_at_its_end_and_run_by_another_worker(
    world: World, pool: str, through: str
) -> None:
    worker = world.worker(pool=pool, concurrency=2)
    (job,) = world.submit("nap", 15.0, "fine")
    world.wait_state([job], "running")
    worker.send(signal.SIGTERM)
    worker.expect("Draining")
    # The end of the drain comes early here, by the signal that a supervisor sends then.
    worker.send(signal.SIGQUIT)
    assert worker.wait(60), worker.log()
    assert worker.returncode == 0
    assert world.outcomes(job) == ["released"]
    world.beat()
    world.worker(pool=pool)
    world.wait_final([job], 60)
    row = world.job(job)
    assert (row["state"], row["failures"], row["result"]) == ("succeeded", 0, '"fine"')
    assert world.outcomes(job) == ["released", "succeeded"]
    assert world.lost() == (0, 0)


def test_quit_gives_everything_back_at_once(world: World) -> None:
    world.beat()
    worker = world.worker(concurrency=2)
    ids = world.submit("nap", 60.0, count=2) + world.submit("echo", 1, count=20)
    world.wait_state(ids[:2], "running")
    began = time.monotonic()
    worker.send(signal.SIGQUIT)
    assert worker.wait(60), worker.log()
    assert time.monotonic() - began < 50
    assert worker.returncode == 0
    assert [world.outcomes(job_id) for job_id in ids[:2]] == [["released"]] * 2
    assert {row["failures"] for row in world.jobs(ids)} == {0}
    world.cancel(ids[:2])
    world.worker()
    world.wait_state(ids[2:], "succeeded")
    assert world.lost() == (0, 0)


def test_workers_that_drain_in_the_middle_of_many_jobs_lose_none_of_their_messages(world: World) -> None:
    # No beat: nobody would send a lost message again.
    ids = world.submit("nap", 0.02, "fine", count=600)
    for _ in range(4):
        worker = world.worker(concurrency=2)
        world.until(lambda: world.states(ids).get("queued", 0) < 600)
        time.sleep(0.5)
        worker.send(signal.SIGTERM)
        assert worker.wait(60), worker.log()
        assert worker.returncode == 0
        assert world.states(ids).get("queued", 0) == live_messages(world)
    world.worker(concurrency=2)
    world.wait_state(ids, "succeeded", 60)
    assert world.lost() == (0, 0)
