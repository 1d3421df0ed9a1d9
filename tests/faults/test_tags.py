"""A dead worker's tags go with its rescue: settling, which would make up for it, is out of the way."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis

from tests.faults.report import Report
from tests.faults.sizes import bound, machine_factor
from tests.faults.test_points import judged
from tests.faults.world import POOL, World
from windrow.broker.keys import SEP, unacked_key

#: What a dead worker held is gone as soon as its jobs are free again.
BOUND_SECONDS = 75.0
LATER = {"WINDROW_SETTLE_AFTER_SECONDS": "3600", "WINDROW_SETTLE_EVERY_SECONDS": "3600"}


@pytest.mark.timeout(300)
def test_the_tags_of_a_dead_worker_are_gone_once_it_was_rescued_without_any_settling(
    world: World, report: Report
) -> None:
    world.begin()
    with without_settling(world):
        name = world.doors.names("worker")[0]
        world.wait(lambda: world.knows(name), f"row of {name}", 60)
        (worker,) = world.rows(
            "SELECT id FROM windrow.workers WHERE pid = %s AND ended_at IS NULL", world.doors.pid(name)
        )[0]
        for _ in range(8):
            world.load.submit("long")
        world.wait(lambda: tags(world, worker), f"tag of {name}", 30)
        world.killed()
        killed_at = time.monotonic()
        world.doors.kill(name)
        seconds = bound(BOUND_SECONDS, machine_factor())
        world.wait(lambda: not tags(world, worker), "Redis without the dead worker's tags", seconds)
        assert time.monotonic() - killed_at < seconds
        judged(world, report, "tags, without settling")


@contextmanager
def without_settling(world: World) -> Iterator[None]:
    """Other schedulers for a while, whose settling comes in an hour."""
    change(world, LATER)
    yield
    change(world, {})


def change(world: World, env: dict[str, str]) -> None:
    """Start the schedulers anew with `env`."""
    names = world.doors.names("beat")
    for name in names:
        world.doors.retire(name)
        world.doors.kill(name)
    world.wait(lambda: all(map(world.doors.is_gone, names)), "end of the schedulers", 60)
    for name in names:
        world.doors.add(name, "beat", env)


def tags(world: World, worker: str) -> list[str]:
    """What Redis still holds for that worker."""
    with redis.Redis.from_url(world.redis.url, decode_responses=True, socket_timeout=10) as client:
        held: list[str] = client.hkeys(unacked_key(POOL))
    return [tag for tag in held if tag.rpartition(SEP)[0] == worker]
