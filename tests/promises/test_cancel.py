"""A cancel hits its job or nobody."""

from __future__ import annotations

import json
import random

import pytest

from tests.promises.world import World
from windrow.core.ids import new_id
from windrow.core.job import NewJob

pytestmark = pytest.mark.timeout(150)
#: Nobody is taken for dead here: a busy machine may hold a worker up for a second.
TIMES = {"WINDROW_LEASE_SECONDS": "15"}

SECONDS = 0.05


def jobs(task: str, count: int, seconds: float = SECONDS) -> list[NewJob]:
    """Jobs whose result is their own number."""
    return [
        NewJob(id=new_id(), task=task, queue="default", input=json.dumps([[seconds, number], {}]))
        for number in range(count)
    ]


def victims(world: World, ids: list[str], cancelled: set[str]) -> list[tuple[str, str, str | None]]:
    """Jobs that did not end as they should: not cancelled means succeeded with its own result."""
    wrong = []
    for number, row in enumerate(world.jobs(ids)):
        succeeded = (row["state"], row["result"]) == ("succeeded", str(number))
        if not (succeeded or (row["id"] in cancelled and row["state"] == "cancelled")):
            wrong.append((row["id"], row["state"], row["result"]))
    return wrong


def cancel_at_random(world: World, ids: list[str], wanted: int) -> set[str]:
    """Cancel `wanted` of the jobs, those that run at the moment first: the hardest to hit alone."""
    rng, cancelled = random.Random(7), set[str]()
    while len(cancelled) < wanted and not world.all_final(ids):
        live = {
            row["id"]: row["state"]
            for row in world.rows(
                "SELECT id, state FROM windrow.jobs WHERE id = ANY(%s) "
                "AND state IN ('queued', 'claimed', 'running') AND NOT cancel_requested",
                ids,
            )
        }
        running = [job_id for job_id, state in live.items() if state != "queued"]
        waiting = [job_id for job_id, state in live.items() if state == "queued"]
        # Every second one of those that run: its neighbour in the same child comes right after it.
        chosen = running[::2] + rng.sample(waiting, min(len(waiting), 12))
        if chosen:
            chosen = chosen[: wanted - len(cancelled)]
            world.cancel(chosen)
            cancelled |= set(chosen)
    return cancelled


def test_a_thousand_cancels_of_jobs_of_50_ms_in_prefork_hit_no_wrong_victim(world: World) -> None:
    world.beat()
    worker = world.worker(concurrency=8)
    ids = world.accept(jobs("nap", 1800))
    world.until(lambda: world.states(ids).get("succeeded", 0) > 20)
    cancelled = cancel_at_random(world, ids, 1000)
    world.wait_final(ids, 60)
    assert len(cancelled) == 1000
    assert victims(world, ids, cancelled) == []
    assert world.states(cancelled).get("cancelled", 0) > 500
    assert world.lost() == (0, 0)
    assert worker.returncode is None


@pytest.mark.parametrize("pool", ["threads", "solo"])
def test_cancels_of_jobs_that_check_in_hit_no_wrong_victim(world: World, pool: str) -> None:
    world.beat()
    worker = world.worker(pool=pool, concurrency=4)
    ids = world.accept(jobs("wary", 200))
    world.until(lambda: world.states(ids).get("succeeded", 0) > 5)
    cancelled = cancel_at_random(world, ids, 100)
    world.wait_final(ids, 60)
    assert len(cancelled) == 100
    assert victims(world, ids, cancelled) == []
    assert world.lost() == (0, 0)
    assert worker.returncode is None


@pytest.mark.parametrize(
    ("pool", "through"), [("prefork", "direct"), ("prefork", "pgbouncer"), ("threads", "direct")]
)
def test_a_running_job_is_stopped_and_its_neighbours_go_on(world: World, pool: str, through: str) -> None:
    worker = world.worker(pool=pool, concurrency=4)
    long = world.submit("wary", 60.0) + world.submit("reporting", 60.0)
    if pool == "prefork":
        # Nothing in it asks whether it shall stop.
        long += world.submit("nap", 60.0)
    (neighbour,) = world.submit("nap", 15.0, "fine")
    world.wait_state([*long, neighbour], "running")
    world.cancel(long)
    world.wait_state(long, "cancelled", 15)
    world.wait_state([neighbour], "succeeded")
    assert [world.outcomes(job_id) for job_id in long] == [["cancelled"]] * len(long)
    assert worker.returncode is None
    world.wait_state(world.submit("echo", 1, count=20), "succeeded")
