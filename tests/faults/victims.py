"""Who may be killed at any instant, and how."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Callable
from contextlib import suppress

from tests.faults.world import World

#: Well over a lease and a pass of the rescue.
ASLEEP_SECONDS = 4.0
#: Victim -> its share of the kills.
SHARES = {
    "worker tree": 28,
    "worker main": 8,
    "child": 22,
    "worker asleep": 4,
    "beat": 12,
    "api": 12,
    "redis": 5,
    "redis and its data": 4,
    "postgres": 5,
}


def choose(rng: random.Random) -> str:
    """A victim, by its share."""
    return rng.choices(list(SHARES), list(SHARES.values()))[0]


def kill(world: World, victim: str, rng: random.Random) -> None:
    """SIGKILL one, or let it sleep; returns at once for a door, and for a store when it answers again."""
    ways: dict[str, Callable[[], None]] = {
        "worker tree": lambda: world.doors.kill(rng.choice(world.doors.names("worker"))),
        "worker main": lambda: _end(world.doors.pid(rng.choice(world.doors.names("worker")))),
        "child": lambda: _ignore(kill_child(world, rng)),
        "worker asleep": lambda: _sleep(world.doors.pid(rng.choice(world.doors.names("worker")))),
        "beat": lambda: world.doors.kill(rng.choice(world.doors.names("beat"))),
        "api": lambda: world.doors.kill("api"),
        "redis": world.restart_redis,
        "redis and its data": lambda: world.restart_redis(keep=False),
        "postgres": world.restart_postgres,
    }
    world.killed()
    ways[victim]()


def kill_child(world: World, rng: random.Random) -> bool:
    """SIGKILL a child of some worker; False when it has none just now."""
    children = world.doors.children(rng.choice(world.doors.names("worker")))
    if children:
        _end(rng.choice(children))
    return bool(children)


def _ignore(_: object) -> None:
    pass


def _sleep(pid: int) -> None:
    """Stop the whole worker until it was taken for dead: it wakes up with outcomes of jobs that others have by now."""

    def signal_all(number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(pid, number)

    signal_all(signal.SIGSTOP)
    threading.Timer(ASLEEP_SECONDS, signal_all, [signal.SIGCONT]).start()


def _end(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
