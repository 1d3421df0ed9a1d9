"""The control: faults 1 and 11 on plain Celery. A suite that cannot see it lose would prove nothing."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import redis

from tests.faults.births import Nursery
from tests.faults.control.app import app
from tests.faults.kept import Kept
from tests.faults.progress import say
from tests.faults.rows import Row, Rows
from tests.faults.sizes import FULL, count
from windrow.dev.redis_server import RedisServer

pytestmark = pytest.mark.timeout(0 if FULL else 300)

WORKER = "tests.faults.control.worker"
#: What Redis does not hold for so long, neither waiting nor unacknowledged, and nobody has done, is lost.
GONE_SECONDS = 5.0
#: For all the rest to be given out again and done, on a slow machine, too.
END_SECONDS = 1800.0 if FULL else 120.0


class Plain(NamedTuple):
    """Plain Celery at work: two workers with two children each."""

    doors: Kept
    redis: RedisServer
    runs: Path

    def submit(self, numbers: range, seconds: float, rate: float = 0.0) -> None:
        """Send them, at a rate or as fast as it goes."""
        with app.connection_for_write(self.redis.url) as connection:
            for number in numbers:
                app.send_task("control.add", (number, seconds), connection=connection)
                if rate:
                    time.sleep(1 / rate)

    def done(self) -> Counter[int]:
        """Number -> runs that were completed."""
        return (
            Counter(int(line) for line in self.runs.read_text().split()) if self.runs.exists() else Counter()
        )

    def settle(self, wanted: int) -> Counter[int]:
        """What was done once all is done, or Redis has nothing left that could still be."""
        held_at = began = time.monotonic()
        with redis.Redis.from_url(self.redis.url) as store:
            while len(done := self.done()) < wanted and time.monotonic() - began < END_SECONDS:
                held: Any = [store.llen("control"), store.hlen("unacked")]
                if any(held):
                    held_at = time.monotonic()
                if time.monotonic() - held_at > GONE_SECONDS:
                    break
                time.sleep(0.2)
        return done


@pytest.fixture
def plain(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plain]:
    """A Redis of its own, and workers that are started again when they die, as the ones under test are."""
    folder = tmp_path_factory.mktemp("control")
    server = RedisServer(folder / "redis", usual_port=0, guard=nursery.guard)
    server.start()
    runs = folder / "runs"
    env = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    env |= {"CONTROL_REDIS_URL": server.url, "CONTROL_RUNS": str(runs), "PYTHONUNBUFFERED": "1"}
    doors = Kept(nursery, folder, env)
    for number in (1, 2):
        doors.add(f"plain-{number}", WORKER)
    plain = Plain(doors, server, runs)
    plain.submit(range(-8, 0), 0.05)
    # Warm: both have taken something.
    deadline = time.monotonic() + 120
    while len(plain.done()) < 8 and time.monotonic() < deadline:
        time.sleep(0.1)
    runs.write_text("")
    yield plain
    doors.close()
    server.stop()


def row(rows: Rows, number: int, name: str, sent: int, done: Counter[int]) -> int:
    """Write it down, beside the fault of that number; returns how many were lost."""
    lost = sent - len(done)
    extra = done.total() - len(done)
    rows.rows.append(
        Row(
            f"control {number:02} {name}",
            accepted=sent,
            final=len(done),
            lost=lost,
            doubled=extra,
            extra_runs=extra,
            control=f"lost {lost} of {sent}",
        )
    )
    return lost


@pytest.mark.fault(1, "control", 0)
def test_plain_celery_under_sigkill_is_reported_beside_ours(plain: Plain, rows: Rows, seed: int) -> None:
    rng = random.Random(f"{seed} control")
    # Its gap is between two commands for each message: what counts is how many pass while something is killed.
    kills, each = count(12, 200), count(25, 150)
    for number in range(kills):
        say(f"control {number} of {kills}")
        plain.submit(range(number * each, (number + 1) * each), 0.01, rate=count(100, 150))
        plain.doors.kill(rng.choice(plain.doors.names(WORKER)))
    lost = row(rows, 1, "worker trees SIGKILLed", kills * each, plain.settle(kills * each))
    # The gap between its two commands is small: a dozen kills may miss it, hundreds do not.
    if FULL:
        assert lost > 0, "plain Celery lost nothing to two hundred kills: can this harness see a loss?"


@pytest.mark.fault(11, "control", 0)
def test_plain_celery_loses_what_a_flushall_takes_or_this_suite_sees_nothing(
    plain: Plain, rows: Rows
) -> None:
    jobs = count(200, 5000)
    # Slow enough that most wait when it happens, however slowly they are sent.
    plain.submit(range(jobs), 0.05 if FULL else 0.5)
    with redis.Redis.from_url(plain.redis.url) as store:
        store.flushall()
    lost = row(rows, 11, "Redis FLUSHALL with a backlog", jobs, plain.settle(jobs))
    assert lost > 0, "plain Celery lost nothing to a FLUSHALL: this harness cannot see a loss"
