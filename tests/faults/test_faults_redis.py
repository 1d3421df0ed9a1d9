"""Faults 10 to 15 and 21 to 23: Redis killed, emptied, frozen, full, demoted, cut off, flooded, and long away."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import pytest
import redis

from tests.faults.sizes import FULL, bound, count, lasting
from tests.faults.times import TIMES
from tests.faults.trial import RATE, Trial, fault
from windrow.broker.choice import publisher as publisher_of
from windrow.broker.message import Message
from windrow.core.ids import new_id
from windrow.core.job import NewJob
from windrow.dev.ports import free_port
from windrow.store.accept import accept
from windrow.store.ledger import Ledger

pytestmark = pytest.mark.timeout(0 if FULL else 300)

#: What a caller may wait while Redis is away.
SUBMIT_SECONDS = 0.5
#: Chores note what they did so often.
NOTED_SECONDS = 1.5


@contextmanager
def client(trial: Trial) -> Iterator[Any]:
    """Our own connection to Redis."""
    with redis.Redis.from_url(trial.world.redis.url, socket_timeout=10, decode_responses=True) as store:
        yield store


def all_accepted(trial: Trial) -> None:
    """Every request was answered 202, and 99 of 100 soon."""
    statuses = [answer.status for answer in trial.answers]
    p99 = trial.p99()
    trial.say(f"{statuses.count(202)} of {len(statuses)} answers 202, p99 {p99 * 1000:.0f} ms")
    assert statuses.count(202) >= 0.999 * len(statuses), sorted(set(statuses))
    assert p99 < SUBMIT_SECONDS * trial.factor


@fault(10, "Redis SIGKILLed", 40)
def test_redis_that_is_killed_again_and_again_costs_no_submit_and_no_job(trial: Trial) -> None:
    judge_broker_kills(trial, count(3, 20), extra_runs=0)


def judge_broker_kills(trial: Trial, kills: int, extra_runs: int, rate: float = RATE) -> None:
    """SIGKILL, and a start a moment later."""
    with trial.load(rate=rate):
        for _ in trial.each(kills, kills):
            trial.world.broker.kill()
            trial.pause(0.2, 1.0)
            trial.world.broker.start()
            trial.world.killed()
            trial.pause(0.8, 1.5)
    trial.judge(extra_runs=extra_runs)
    all_accepted(trial)
    assert trial.deaths() == 0


@fault(11, "Redis FLUSHALL with a backlog", 90)
def test_an_emptied_redis_is_filled_again_and_hardly_a_message_is_sent_in_vain(trial: Trial) -> None:
    def empty() -> int:
        with client(trial) as store:
            missing = sum(store.llen(key) for key in store.keys("faults*") if store.type(key) == "list")
            missing += store.hlen("unacked:default")
            store.flushall()
        return int(missing)

    judge_emptied(trial, empty)


def judge_emptied(trial: Trial, empty: Callable[[], int]) -> None:
    """`empty` loses every message, and tells how many there were."""
    world = trial.world
    with trial.load(jobs=(250, 10_000)):
        for _ in range(count(150, 5000)):
            world.load.submit("add")
        world.wait(lambda: world.load.waiting() < 20, "a backlog", 600)
        before = world.republished()
        missing = empty()
        world.killed()
        time.sleep(lasting(60, 3))
    trial.judge()
    time.sleep(NOTED_SECONDS)
    sent = world.republished() - before
    trial.say(f"{missing} messages gone, {sent} sent again")
    # What was published between the count and the flush belongs to them.
    assert sent <= 1.1 * missing + 20


@fault(12, "Redis frozen for 60 s", 40)
def test_a_frozen_redis_is_noticed_by_no_caller_and_ends_no_door(trial: Trial) -> None:
    with trial.load():
        trial.world.redis.freeze()
        try:
            time.sleep(lasting(60, 4))
        finally:
            trial.world.redis.thaw()
        trial.world.killed()
    trial.judge()
    all_accepted(trial)
    assert trial.deaths() == 0


@fault(13, "Redis at maxmemory", 40)
def test_a_full_redis_ends_no_worker_and_no_job(trial: Trial) -> None:
    with trial.load(), client(trial) as store:
        for _ in trial.each(2, 10):
            store.config_set("maxmemory", 1)
            try:
                time.sleep(lasting(30, 1.5))
            finally:
                store.config_set("maxmemory", 0)
            trial.world.killed()
            trial.pause(0.5, 1.0)
    trial.judge()
    all_accepted(trial)
    assert trial.deaths() == 0


@fault(14, "Redis read-only, as in a failover", 40)
def test_a_redis_that_was_demoted_under_its_clients_ends_no_worker(trial: Trial) -> None:
    # Demoted to a replica of nobody, which answers READONLY, then promoted again.
    with trial.load(), client(trial) as store:
        for _ in trial.each(3, 10):
            store.replicaof("127.0.0.1", free_port())
            time.sleep(lasting(20, 1.0))
            store.replicaof("NO", "ONE")
            trial.world.killed()
            trial.pause(0.5, 1.0)
    trial.judge()
    all_accepted(trial)
    assert trial.deaths() == 0


@fault(15, "CLIENT KILL storm", 45)
def test_connections_that_are_cut_again_and_again_stall_nobody(trial: Trial) -> None:
    with trial.load(), client(trial) as store:
        for _ in trial.each(40, 300):
            for kind in ("normal", "pubsub"):
                store.execute_command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
            trial.pause(0.05, 0.15)
        trial.world.killed()
    trial.judge()
    moments = trial.world.rows(
        "SELECT extract(epoch FROM finished_at)::float8 FROM windrow.jobs "
        "WHERE created_at >= %s::timestamptz AND finished_at IS NOT NULL ORDER BY finished_at",
        trial.world.since,
    )
    stall = max(after - before for (before,), (after,) in pairwise(moments))
    trial.say(f"longest stall {stall:.1f} s")
    assert stall < bound(45, trial.factor)


@fault(21, "a large backlog and no worker", 120)
def test_a_backlog_that_nobody_takes_is_not_sent_again_and_again(trial: Trial) -> None:
    world, jobs = trial.world, count(1000, 100_000)
    ledger = Ledger(world.database_url)
    with trial.load(rate=5, kinds={"add": 1}, canvases=False):
        before = world.republished()
        for start in range(0, jobs, 500):
            batch = [
                NewJob(id=new_id(), task="faults.add", queue="idle", input=f"[[{n}], {{}}]")
                for n in range(start, start + 500)
            ]
            ledger.run(accept, batch, False)
        ledger.close()
        time.sleep(lasting(600, 10 * float(TIMES["SETTLE_EVERY_SECONDS"]) / 2))
        sent = world.republished() - before
        world.killed()
        world.doors.add("idle", "worker", {"WINDROW_QUEUES": "idle", "WINDROW_WINDOW": "500"})
        left = "SELECT count(*) FROM windrow.jobs WHERE queue = 'idle' AND finished_at IS NULL"
        world.wait(lambda: not world.one(left), "their end", 600)
        world.doors.retire("idle")
        world.doors.kill("idle")
    trial.note = f"{sent} of {jobs} sent again"
    trial.judge()
    assert sent <= jobs / 100


@fault(22, "every message three times", 40)
def test_messages_that_come_three_times_run_their_jobs_once(trial: Trial) -> None:
    judge_doubled(trial)


def judge_doubled(trial: Trial) -> None:
    """Two more messages for whatever was accepted a moment ago."""
    world = trial.world
    publisher = publisher_of(world.redis.url, world.rabbit.url if world.rabbit else "")
    known: set[str] = set()
    with trial.load():
        world.killed()
        until = time.monotonic() + lasting(60, 5)
        while time.monotonic() < until:
            # Not those of the queue that no worker serves: a message in another one would run them.
            fresh = [
                promise.id
                for promise in list(world.load.promises)
                if promise.id not in known and promise.state != "expired"
            ]
            publisher.publish([Message(job_id, "faults.add", "faults") for job_id in fresh for _ in range(2)])
            known.update(fresh)
            time.sleep(0.05)
    publisher.close()
    trial.note = f"{len(known)} jobs had two more messages"
    trial.judge(extra_runs=0)


@fault(23, "the broker is away for 50 min", 40)
def test_workers_resume_soon_after_a_long_outage_and_none_has_ended(trial: Trial) -> None:
    # Not a twentieth in the short form: 6 s.
    # What waits then has to end within the bound, too: 50 minutes of a slow load, or of a fast one 6 s.
    with trial.load(rate=2 if FULL else 10):
        trial.world.redis.kill()
        try:
            time.sleep(3000 if FULL else 6)
        finally:
            trial.world.redis.start()
        trial.world.killed()
        time.sleep(1)
    trial.judge()
    all_accepted(trial)
    assert trial.deaths() == 0
