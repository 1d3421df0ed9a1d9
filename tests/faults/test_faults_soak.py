"""Fault 24: others at random for a while. Memory, connections and file descriptors of the doors stay what they were.

Less than a minute here, ten in the full form and by `make soak`; WINDROW_SOAK_SECONDS says how long.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from statistics import linear_regression, mean
from typing import NamedTuple

import psutil
import psycopg
import pytest
import redis

from tests.faults.progress import say
from tests.faults.sizes import FULL
from tests.faults.trial import Trial, fault
from tests.faults.victims import kill_child
from tests.faults.world import DOORS, World

SECONDS = float(os.environ.get("WINDROW_SOAK_SECONDS") or (600 if FULL else 24))
#: Before anything is compared: caches fill, pools open.
WARM_UP_SECONDS = 120.0 if SECONDS >= 600 else SECONDS / 3
#: How much the last third of the samples may lie above the first third.
GROWTH, SLACK = 0.10, 4

#: What one of a kind may rise by in ten minutes, by the line through all samples.
SLOPE = {"megabytes": 25.0, "descriptors": 10.0, "postgres": 5.0, "redis": 8.0}

pytestmark = pytest.mark.timeout(SECONDS + 300)


class Sample(NamedTuple):
    """All main processes of the doors together, and what the stores see of them."""

    megabytes: float
    descriptors: int
    postgres: int
    redis: int


def look(world: World) -> Sample | None:
    """None while a store is away: what is being opened again is not a leak."""
    with suppress(psutil.Error, psycopg.Error, redis.RedisError):
        processes = [psutil.Process(world.doors.pid(name)) for name in DOORS]
        with psycopg.connect(world.database_url, connect_timeout=2) as connection:
            row = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                "AND application_name LIKE 'windrow-%'"
            ).fetchone()
        with redis.Redis.from_url(world.redis.url, socket_timeout=2) as client:
            clients = int(client.info("clients")["connected_clients"])
        return Sample(
            sum(process.memory_info().rss for process in processes) / 2**20,
            sum(process.num_fds() for process in processes),
            int(row[0]) if row else 0,
            clients,
        )
    return None


@fault(24, "soak with 2, 10, 15 and 17 at random", 90)
def test_memory_connections_and_descriptors_stay_flat_while_faults_come_at_random(trial: Trial) -> None:
    world, doors = trial.world, trial.world.doors
    # Main processes live on, or there would be nothing to compare.
    faults: list[tuple[int, Callable[[], object]]] = [
        (4, lambda: kill_child(world, trial.rng)),
        (4, lambda: cut(world)),
        (1, world.restart_redis),
        (1, world.restart_postgres),
    ]
    samples: list[Sample] = []
    moments: list[float] = []
    stop = threading.Event()

    def watch() -> None:
        stop.wait(WARM_UP_SECONDS)
        while not stop.wait(1.0):
            if (sample := look(world)) is not None:
                samples.append(sample)
                moments.append(time.monotonic())

    watcher = threading.Thread(target=watch, daemon=True)
    with trial.load(rate=20, kinds={"add": 6, "slow": 2, "flaky": 1, "flow": 1}):
        pids = [doors.pid(name) for name in DOORS]
        watcher.start()
        until = time.monotonic() + SECONDS
        while (left := until - time.monotonic()) > 0:
            say(f"soak, {left:.0f} s left")
            (happen,) = trial.rng.choices([f for _, f in faults], [share for share, _ in faults])
            happen()
            world.killed()
            trial.pause(1.0, 3.0)
        stop.set()
        watcher.join(30)
    third = len(samples) // 3
    assert third, "the stores were away all the time"
    before, after = samples[:third], samples[-third:]
    trends = {
        name: (mean(getattr(s, name) for s in before), mean(getattr(s, name) for s in after))
        for name in Sample._fields
    }
    slopes = {
        name: 600 * linear_regression(moments, [getattr(s, name) for s in samples]).slope
        for name in Sample._fields
    }
    trial.note = f"{SECONDS:g} s, after {WARM_UP_SECONDS:g} s of warm-up: " + ", ".join(
        f"{name} {first:.0f} to {last:.0f} ({slopes[name]:+.1f} in 10 min)"
        for name, (first, last) in trends.items()
    )
    # The longest of all recoveries counts from the first kill of many: each has its own bound elsewhere.
    trial.judge(recovers=False)
    assert [doors.pid(name) for name in DOORS] == pids
    grown = {name: t for name, t in trends.items() if t[1] > t[0] * (1 + GROWTH) + SLACK}
    assert not grown, trends
    # Seconds are too short for a slope.
    if SECONDS >= 600:
        assert not {name for name, slope in slopes.items() if slope > SLOPE[name]}, trial.note


def cut(world: World) -> None:
    """Every connection to Redis but ours."""
    with redis.Redis.from_url(world.redis.url, socket_timeout=5) as client:
        client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
