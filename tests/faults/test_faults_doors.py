"""Faults 18 and 20: the API killed in the middle of requests, the schedulers killed and stopped."""

from __future__ import annotations

import signal
import time

import pytest

from tests.faults.sizes import FULL, bound, lasting
from tests.faults.trial import Trial, fault

pytestmark = pytest.mark.timeout(0 if FULL else 300)


@fault(18, "API SIGKILLed in requests", 40)
def test_requests_that_are_repeated_with_their_key_after_a_kill_of_the_api_make_one_job_each(
    trial: Trial,
) -> None:
    doors = trial.world.doors
    with trial.load(rate=60, jobs=(200, 10_000)):
        for _ in trial.each(6, 100):
            doors.kill("api")
            trial.world.killed()
            trial.pause(0.5, 1.2)
    trial.judge(extra_runs=0)
    broken = sum(answer.status == 0 for answer in trial.answers)
    trial.say(f"{broken} requests had no answer and were repeated")
    assert broken, "no request was in the air at any kill"


@fault(20, "schedulers SIGKILLed and stopped", 30)
def test_each_tick_of_a_schedule_fires_once_whoever_of_two_schedulers_is_killed_or_stopped(
    trial: Trial,
) -> None:
    world, doors = trial.world, trial.world.doors
    with trial.load(rate=10, kinds={"add": 3, "delayed": 3}):
        for n in trial.each(6, 20):
            name = trial.rng.choice(doors.names("beat"))
            if n % 2:
                doors.kill(name)
                world.killed()
            else:
                doors.send_all(name, signal.SIGSTOP)
                world.killed()
                time.sleep(lasting(30, 1.2))
                doors.send_all(name, signal.SIGCONT)
            trial.pause(0.3, 0.8)
    trial.judge(extra_runs=0)
    ticks, moments, jobs, lag = world.rows(
        "SELECT count(*), count(DISTINCT (schedule_id, fire_at)), count(DISTINCT job_id), "
        "coalesce(max(extract(epoch FROM j.created_at - t.fire_at)), 0)::float8 FROM windrow.ticks t "
        "JOIN windrow.jobs j ON j.id = t.job_id WHERE j.created_at >= %s::timestamptz",
        world.since,
    )[0]
    assert ticks == moments == jobs
    assert ticks
    trial.say(f"{ticks} ticks, latest by {lag:.1f} s")
    assert lag < bound(30, trial.factor)
