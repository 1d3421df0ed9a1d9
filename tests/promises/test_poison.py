"""A job that kills its worker, again and again, ends as failed; what ran beside it pays nothing."""

from __future__ import annotations

import pytest

from tests.promises.fleet import Fleet
from tests.promises.ways import BOTH_WAYS
from tests.promises.world import World
from windrow.core.blame import MAX_CLAIMS

pytestmark = pytest.mark.timeout(150)


def innocent(world: World, ids: list[str]) -> bool:
    return {(row["state"], row["failures"], row["result"]) for row in world.jobs(ids)} == {
        ("succeeded", 0, '"fine"')
    }


@BOTH_WAYS
def test_a_poison_that_kills_whole_workers_fails_and_its_neighbours_succeed_unblamed(world: World) -> None:
    world.beat()
    fleet = Fleet(world, size=2, concurrency=3)
    # Long enough for its start to be saved, and for the others to be in the middle of their work.
    (poison,) = world.submit("poison.tree", 0.3)
    neighbours = world.submit("nap", 0.7, "fine", count=10)

    def ended() -> bool:
        fleet.tend()
        return world.all_final([poison, *neighbours])

    world.until(ended, 100, lambda: (fleet.deaths, world.jobs([poison]), world.states(neighbours)))
    job = world.job(poison)
    assert (job["state"], job["failures"]) == ("failed", job["max_attempts"])
    assert set(world.outcomes(poison)) == {"lost"}
    assert "lost while it ran this job" in world.error(poison)
    assert innocent(world, neighbours)
    assert fleet.deaths >= 3


def test_a_poison_that_kills_before_its_start_is_saved_fails_and_its_neighbours_succeed_unblamed(
    world: World,
) -> None:
    world.beat()
    fleet = Fleet(world, size=2, concurrency=3)
    neighbours = world.submit("nap", 1.5, "fine", count=2)
    world.wait_state(neighbours, "running")
    (poison,) = world.submit("poison.tree", 0.0)
    # The cap on claims is ten lost workers; this job comes with six of them behind it, to spare the time.
    world.execute(f"UPDATE windrow.jobs SET claims = claims + {MAX_CLAIMS - 4} WHERE id = '{poison}'")

    def ended() -> bool:
        fleet.tend()
        return world.all_final([poison, *neighbours])

    world.until(ended, 100, lambda: (fleet.deaths, world.jobs([poison]), world.states(neighbours)))
    assert world.job(poison)["state"] == "failed"
    assert f"lost, as {MAX_CLAIMS - 1} before it that held this job" in world.error(poison)
    assert innocent(world, neighbours)


def test_a_poison_that_kills_its_own_child_fails_and_nobody_else_notices(world: World) -> None:
    world.beat()
    worker = world.worker(concurrency=3)
    (poison,) = world.submit("poison.child")
    neighbours = world.submit("nap", 0.2, "fine", count=10)
    world.wait_final([poison, *neighbours], 40)
    assert world.job(poison)["state"] == "failed"
    assert world.outcomes(poison) == ["lost"] * 3
    assert "signal 9 (SIGKILL)" in world.error(poison)
    assert innocent(world, neighbours)
    assert worker.returncode is None
    assert world.lost() == (3, 0)
