"""A message may be lost, late, or behind a hundred thousand others: its job is not."""

from __future__ import annotations

import time

import pytest

from tests.promises.world import World

pytestmark = pytest.mark.timeout(120)


def test_a_lost_message_beside_a_thousand_cancelled_ones_and_busy_workers_is_sent_again_within_its_bound(
    world: World,
) -> None:
    # A fifteenth of the defaults: 30 s, 30 s and 5 s.
    world.beat(settle_after_seconds="2", settle_every_seconds="2", settle_seconds="0.3")
    world.worker(concurrency=2)
    busy = world.submit("nap", 60.0, count=2)
    world.wait_state(busy, "running")
    cancelled = world.submit("echo", 1, count=1000)
    (lost,) = world.submit("echo", "found")
    world.cancel(cancelled)
    (message,) = [text for text in world.redis.lrange("default", 0, -1) if lost in text]
    assert world.redis.lrem("default", 0, message) == 1
    assert world.redis.llen("default") == 1000
    lost_at = time.monotonic()
    world.until(lambda: any(lost in text for text in world.redis.lrange("default", 0, -1)), 30)
    # The bound is the sum of the three; the rest is a slow machine's.
    assert time.monotonic() - lost_at < 2 + 2 + 0.3 + 25
    assert world.states(busy) == {"running": 2}
    world.cancel(busy)
    world.wait_final([lost, *busy, *cancelled])
    assert world.job(lost)["state"] == "succeeded"
    assert world.states(cancelled) == {"cancelled": 1000}


def test_a_job_of_priority_nine_behind_a_hundred_thousand_starts_next(world: World) -> None:
    world.beat(window="50")
    # Inserted by hand: what is of interest is the hundred thousand, not their way in.
    world.execute(
        """
        INSERT INTO windrow.jobs (id, task, queue, state, max_attempts)
        SELECT 'bulk-' || n, 'nap', 'default', 'queued', 3 FROM generate_series(1, 100000) AS n;
        INSERT INTO windrow.payloads (job_id, input)
        SELECT 'bulk-' || n, '[[2.0], {}]' FROM generate_series(1, 100000) AS n
        """
    )
    world.worker(concurrency=1, window="50", claim_ahead="0")
    world.until(lambda: started(world) >= 2)
    assert world.redis.llen("default") <= 50
    before = started(world)
    (urgent,) = world.submit("nap", 0.3, priority=9)
    world.wait_final([urgent])
    overtook = world.rows(
        "SELECT count(*) AS n FROM windrow.jobs j, windrow.jobs urgent WHERE urgent.id = %s "
        "AND j.started_at > urgent.created_at AND j.started_at < urgent.started_at",
        urgent,
    )[0]["n"]
    # One was on its way to the only child when it came.
    assert overtook <= 1, (before, started(world))


def started(world: World) -> int:
    """Bulk jobs that have begun."""
    return int(
        world.rows("SELECT count(*) AS n FROM windrow.jobs WHERE id LIKE 'bulk-%%' AND attempt > 0")[0]["n"]
    )
