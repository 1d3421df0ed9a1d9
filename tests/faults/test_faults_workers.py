"""Faults 1 to 9 and 19: workers and their children killed, poisoned, hung, drained, scaled, deployed, frozen."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.faults.sizes import FULL, bound, count, lasting
from tests.faults.times import TIMES
from tests.faults.trial import Trial, fault
from tests.faults.victims import kill_child
from tests.faults.world import CHILDREN

pytestmark = pytest.mark.timeout(0 if FULL else 300)

#: A job longer than any drain of these tests.
LONG_SECONDS = 4.0


@fault(1, "worker trees SIGKILLed", 90)
def test_worker_trees_that_are_killed_under_load_lose_and_double_nothing(trial: Trial) -> None:
    with more_workers(trial, count(0, 6)):
        judge_tree_kills(trial, count(8, 1000))


def judge_tree_kills(trial: Trial, number: int) -> None:
    """At random moments, at most a second apart."""
    doors = trial.world.doors
    kills = 0
    with trial.load(kinds={"add": 10, "slow": 10, "flaky": 3, "flow": 2, "parent": 2, "delayed": 2}):
        for _ in trial.each(number, number):
            doors.kill(trial.rng.choice(doors.names("worker")))
            trial.world.killed()
            kills += 1
            trial.pause(0.3, 1.0)
    trial.note = f"{kills} kills"
    trial.judge(extra_runs=kills * CHILDREN)


@contextmanager
def more_workers(trial: Trial, number: int) -> Iterator[None]:
    """A thousand kills would leave two workers no time to work."""
    doors = trial.world.doors
    names = [f"more-{n}" for n in range(number)]
    for name in names:
        doors.add(name, "worker")
    trial.world.wait(lambda: trial.world.living() >= number + 2, "all workers", 120)
    try:
        yield
    finally:
        for name in names:
            doors.retire(name)
            doors.send(name, signal.SIGTERM)
        trial.world.wait(lambda: all(map(doors.is_gone, names)), "end of them", 120)


@fault(2, "children SIGKILLed", 75)
def test_children_that_are_killed_cost_their_own_job_one_attempt_and_nobody_else_anything(
    trial: Trial,
) -> None:
    kills = 0
    with trial.load(kinds={"slow": 3, "add": 1}):
        for _ in trial.each(10, 200):
            kills += kill_child(trial.world, trial.rng)
            trial.world.killed()
            trial.pause(0.1, 0.4)
    trial.note = f"{kills} kills"
    trial.judge(extra_runs=kills)
    assert trial.deaths() == 0


@fault(3, "a poison kills its whole worker", 300)
def test_a_poison_fails_after_its_attempts_and_the_healthy_jobs_around_it_succeed(trial: Trial) -> None:
    # The nearest real thing to an out-of-memory kill under cgroup v2: the whole process tree at once.
    world = trial.world
    with trial.load(rate=15, kinds={"add": 5, "slow": 1}):
        world.load.poison(0.2)
        world.killed()
        world.wait(lambda: poisons(trial) == ["failed"], "end of the poison", bound(300, trial.factor))
    runs, failures = world.rows(
        "SELECT attempt, failures FROM windrow.jobs WHERE task = 'faults.poison' AND created_at >= %s::timestamptz",
        world.since,
    )[0]
    healthy = world.one(
        "SELECT percentile_cont(0.99) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - created_at)) "
        "FROM windrow.jobs WHERE task = 'faults.add' AND state = 'succeeded' AND created_at >= %s::timestamptz",
        world.since,
    )
    trial.note = f"{runs} runs, {trial.deaths()} workers died; healthy p99 {float(healthy):.1f} s"
    trial.judge()
    # Alone it is blamed each time; beside others a death is nobody's, and after two of those it runs alone.
    assert failures == 3
    assert 3 <= runs <= 3 + 3
    blamed = world.one(
        "SELECT count(*) FROM windrow.jobs WHERE task <> 'faults.poison' AND failures > 0 "
        "AND created_at >= %s::timestamptz",
        world.since,
    )
    assert blamed == 0


def poisons(trial: Trial) -> list[str]:
    """States of the poisons."""
    rows = trial.world.rows(
        "SELECT state::text FROM windrow.jobs WHERE task = 'faults.poison' AND created_at >= %s::timestamptz",
        trial.world.since,
    )
    return [row[0] for row in rows]


@fault(4, "MemoryError, sys.exit, odd results", 30)
def test_tasks_that_end_in_the_worst_ways_fail_and_no_worker_ends(trial: Trial) -> None:
    with trial.load(rate=20):
        for _ in trial.each(5, 100):
            for task in ("memory", "exit", "strange"):
                trial.world.load.wish({"task": f"faults.{task}"}, "failed")
            trial.pause(0.1, 0.2)
        trial.world.killed()
    trial.judge(extra_runs=0)
    assert trial.deaths() == 0


@fault(5, "a task hangs past its hard limit", 60)
def test_a_task_past_its_hard_limit_is_killed_and_ran_once_an_attempt(trial: Trial) -> None:
    world = trial.world
    with trial.load(rate=15, kinds={"add": 1}):
        world.killed()
        for _ in trial.each(3, 20):
            world.load.wish({"task": "faults.hang"}, "failed")
    trial.judge(extra_runs=0)
    longest, attempts, jobs = world.rows(
        "SELECT max(extract(epoch FROM a.finished_at - a.started_at))::float8, count(*), count(DISTINCT a.job_id) "
        "FROM windrow.attempts a JOIN windrow.jobs j ON j.id = a.job_id "
        "WHERE a.task = 'faults.hang' AND j.created_at >= %s::timestamptz AND a.outcome = 'timed_out'",
        world.since,
    )[0]
    assert attempts == jobs
    assert longest < 1.5 + bound(5, trial.factor)
    trial.say(f"killed after {longest:.1f} s of 1.5 s")
    assert trial.deaths() == 0


@fault(6, "SIGTERM, jobs shorter than the drain", 40)
def test_workers_that_are_asked_to_end_let_their_jobs_end_and_nothing_runs_twice(trial: Trial) -> None:
    doors = trial.world.doors
    slowest = 0.0
    with trial.load(kinds={"add": 3, "slow": 3, "long": 1}, rate=6):
        for _ in trial.each(3, 200):
            slowest = max(slowest, ended(trial, trial.rng.choice(doors.names("worker")), signal.SIGTERM))
            trial.world.killed()
            trial.pause(0.5, 1.0)
    trial.note = f"slowest exit {slowest:.1f} s"
    trial.judge(extra_runs=0)
    assert slowest < 1.0 + bound(40, trial.factor)
    assert {status for _, status in doors.ends[trial.ends :]} == {0}


@fault(7, "SIGQUIT, jobs longer than the drain", 60)
def test_jobs_that_outlive_the_drain_are_given_back_and_start_elsewhere_soon(trial: Trial) -> None:
    world, doors = trial.world, trial.world.doors
    slowest = 0.0
    with trial.load(rate=5, kinds={"add": 1}, canvases=False):
        for _ in trial.each(2, 50):
            body = {"task": "faults.add", "input": {"x": 1, "seconds": LONG_SECONDS}}
            for _ in range(2 * CHILDREN):
                world.load.wish(body, "succeeded")
            name = trial.rng.choice(doors.names("worker"))
            world.wait(lambda: len(long_jobs(trial, name)) > 0, "long job of it", 40)  # noqa: B023 - called at once
            jobs = long_jobs(trial, name)
            quit_at = time.time()
            doors.send(name, signal.SIGTERM)
            time.sleep(0.3)
            # The end of the drain comes early, by the signal that a supervisor sends then.
            doors.send(name, signal.SIGQUIT)
            world.killed()
            world.wait(lambda: all(again(trial, j) for j in jobs), "second starts", 60)  # noqa: B023 - the same
            slowest = max([slowest, *(again(trial, job) - quit_at for job in jobs)])
    trial.note = f"slowest restart {slowest:.1f} s"
    # What came after them waits behind them: not what is bounded here.
    trial.judge(recovers=False)
    trial.row.worst_recovery_s = round(slowest, 1)
    # A child takes a job as soon as it has one to give: at worst it waits for another long one.
    assert slowest < LONG_SECONDS + bound(10, trial.factor)
    lost = "SELECT count(*) FROM windrow.attempts WHERE outcome = 'lost' AND finished_at >= %s::timestamptz"
    assert world.one(lost, world.since) == 0


def long_jobs(trial: Trial, name: str) -> list[str]:
    """The jobs that run in that worker."""
    rows = trial.world.rows(
        "SELECT j.id FROM windrow.jobs j JOIN windrow.workers w ON w.id = j.worker JOIN windrow.payloads p "
        "ON p.job_id = j.id WHERE j.state = 'running' AND w.pid = %s AND w.ended_at IS NULL "
        "AND p.input LIKE '%%seconds%%4.0%%'",
        trial.world.doors.pid(name),
    )
    return [row[0] for row in rows]


def again(trial: Trial, job_id: str) -> float:
    """When the job began its second attempt, by time.time(); 0: not yet."""
    rows = trial.world.rows(
        "SELECT extract(epoch FROM started_at)::float8 FROM windrow.jobs WHERE id = %s AND attempt > 1",
        job_id,
    )
    return float(rows[0][0]) if rows else 0.0


def ended(trial: Trial, name: str, number: signal.Signals) -> float:
    """Send it, and the seconds until the process was gone."""
    pid, began = trial.world.doors.pid(name), time.monotonic()
    trial.world.doors.send(name, number)
    trial.world.wait(lambda: trial.world.doors.pid(name) != pid, f"end of {name}", 120)
    return time.monotonic() - began


@fault(8, "scaled in under load", 40)
def test_a_pool_that_shrinks_under_load_kills_no_job(trial: Trial) -> None:
    doors = trial.world.doors
    before = trial.world.lost_workers()
    more = 18 if FULL else 3
    with trial.load(kinds={"add": 3, "slow": 5}):
        for _ in trial.each(1, 10):
            names = [f"burst-{n}" for n in range(more)]
            for name in names:
                doors.add(name, "worker")
            trial.world.wait(lambda: trial.world.living() >= more + 2, "all workers", 120)
            trial.pause(0.5, 1.0)
            for name in names:
                doors.retire(name)
                doors.send(name, signal.SIGTERM)
            trial.world.killed()
            trial.world.wait(lambda: all(map(doors.is_gone, names)), "end of the burst", 120)  # noqa: B023
    trial.judge(extra_runs=0)
    assert {status for _, status in doors.ends[trial.ends :]} == {0}
    assert trial.world.lost_workers() == before


@fault(9, "a rolling deploy adds a task", 60)
def test_a_task_of_the_next_release_is_discarded_by_no_worker_of_the_old_one(trial: Trial) -> None:
    world, doors = trial.world, trial.world.doors
    newer = {"WINDROW_CELERY_APP": "tests.faults.newer:app", "WINDROW_RELEASE": "next"}
    known = "SELECT count(*) FROM windrow.tasks WHERE name = 'faults.fresh'"
    with trial.load():
        doors.add("newer", "worker", newer)
        world.wait(lambda: world.one(known), "the new task", 60)
        # The API reads the catalog once a second here.
        time.sleep(float(TIMES["API_CATALOG_SECONDS"]) * (6 if FULL else 2))
        for n in trial.each(40, 1000):
            world.load.wish({"task": "faults.fresh", "input": {"x": n}}, "succeeded", str(n))
        ended(trial, doors.names("worker")[0], signal.SIGTERM)
        world.killed()
        fresh = (
            "SELECT count(*) FROM windrow.jobs WHERE task = 'faults.fresh' AND finished_at IS NULL "
            "AND created_at >= %s::timestamptz"
        )
        world.wait(lambda: not world.load.waiting() and not world.one(fresh, world.since), "their end", 120)
        doors.retire("newer")
        doors.send("newer", signal.SIGTERM)
        world.wait(lambda: doors.is_gone("newer"), "end of the newer worker", 60)
    trial.judge(extra_runs=0)


@fault(19, "a worker sleeps for two leases", 75)
def test_workers_that_wake_up_after_they_were_taken_for_dead_commit_nothing_stale(trial: Trial) -> None:
    doors = trial.world.doors
    asleep = 2 * (15.0 if FULL else float(TIMES["LEASE_SECONDS"])) + 1
    stops = 0
    at_once = count(1, 2)
    with more_workers(trial, count(0, 2)):
        with trial.load(kinds={"slow": 3, "add": 2, "flow": 1}, rate=15):
            for _ in trial.each(2, 25):
                names = trial.rng.sample(doors.names("worker"), at_once)
                for name in names:
                    trial.world.wait(lambda: trial.world.knows(name), "its row", 60)  # noqa: B023 - called at once
                    doors.send_all(name, signal.SIGSTOP)
                trial.world.killed()
                time.sleep(lasting(asleep, asleep))
                for name in names:
                    doors.send_all(name, signal.SIGCONT)
                stops += at_once
                trial.pause(0.5, 1.0)
        trial.note = f"{stops} stops of {asleep:g} s"
        # Each child's job, and what waited in the pool behind it.
        trial.judge(extra_runs=stops * CHILDREN * 4)
        assert trial.deaths() == 0
