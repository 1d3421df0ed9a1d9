"""Faults 16 and 17: PostgreSQL away, and restarted."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.faults.sizes import FULL, lasting
from tests.faults.trial import Trial, fault
from tests.faults.world import World

pytestmark = pytest.mark.timeout(0 if FULL else 300)

#: Claims commit asynchronously: a crash of PostgreSQL forgets those of its last moments (three times its
#: wal_writer_delay of 0.2 s), and what they had begun runs again. So many runs a crash at most, of what is short.
FORGOTTEN_CLAIMS = 24
#: An answer that takes longer than the API's own limits together hangs.
HANG_SECONDS = 32.0 if FULL else 8.0


@contextmanager
def outage(world: World, kind: str) -> Iterator[None]:
    """PostgreSQL is `killed` and started again, or `frozen`: connections stay open and nobody answers."""
    world.postgres.kill() if kind == "killed" else world.postgres.freeze()
    try:
        yield
    finally:
        world.postgres.start() if kind == "killed" else world.postgres.thaw()
        world.killed()


def only_503(trial: Trial, begun: float, over: float) -> None:
    """What was sent and answered in the outage was answered 503 with Retry-After, and nothing hung."""
    inside = [answer for answer in trial.answers if begun < answer.at and answer.at + answer.seconds < over]
    assert {answer.status for answer in inside} <= {503}, inside
    assert all(int(answer.retry_after or 0) > 0 for answer in inside)
    assert max(answer.seconds for answer in trial.answers) < HANG_SECONDS * trial.factor
    slowest = max(answer.seconds for answer in trial.answers)
    trial.say(f"{len(inside)} answers in the outage, all 503; slowest answer {slowest:.1f} s, 0 workers lost")


@fault(16, "PostgreSQL away for 60 s", 60)
@pytest.mark.parametrize("kind", ["killed", "frozen"])
def test_an_outage_of_postgres_is_answered_503_and_costs_no_running_job(trial: Trial, kind: str) -> None:
    judge_outage(trial, kind)


def judge_outage(trial: Trial, kind: str) -> None:
    """The outage is longer than two leases: would anybody be taken for dead, it would be now."""
    trial.fault = trial.fault._replace(name=f"{trial.fault.name}, {kind}")
    world = trial.world
    lost = world.lost_workers()
    with trial.load(rate=15, kinds={"add": 6, "slow": 3, "long": 1}), outage(world, kind):
        begun = time.time()
        time.sleep(lasting(60, 5.5))
        over = time.time()
    trial.judge(extra_runs=FORGOTTEN_CLAIMS if kind == "killed" else 0)
    only_503(trial, begun, over)
    assert world.lost_workers() == lost
    assert trial.deaths() == 0


@fault(17, "PostgreSQL restarted under load", 60)
def test_every_accepted_job_is_there_after_postgres_was_killed_and_restarted_under_load(trial: Trial) -> None:
    judge_restarts(trial)


def judge_restarts(trial: Trial) -> None:
    """SIGKILL and a start at once: what was answered 202 is there, as the checker says."""
    restarts = 0
    with trial.load():
        for _ in trial.each(3, 20):
            trial.world.restart_postgres()
            trial.world.killed()
            restarts += 1
            trial.pause(0.8, 1.5)
    trial.judge(extra_runs=restarts * FORGOTTEN_CLAIMS)
    assert trial.deaths() == 0
