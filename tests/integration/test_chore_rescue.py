"""Rescue, on a real PostgreSQL and a real Redis: who runs again, who pays, and when nobody may be called dead."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from tests.integration.beat_world import World, wait_until
from windrow.beat.chores.rescue import Rescue
from windrow.broker.keys import unacked_key
from windrow.core.errors import LedgerUnavailable
from windrow.core.job import NewChord, NewJob, Outcome
from windrow.core.states import State
from windrow.store.chords import open_chords
from windrow.store.control import cancel
from windrow.store.finish import finish
from windrow.store.workers import end, renew


@pytest.fixture
def world(database_url: str, redis_url: str) -> Iterator[World]:
    world = World(database_url, redis_url)
    yield world
    world.close()


def patient(world: World, **changes: Any) -> Rescue:
    """A rescue that has already watched for a whole lease."""
    rescue = Rescue(world.crew(rescue_gap_seconds=60.0, **changes).tools)
    rescue.run()
    assert rescue._watch._since is not None
    rescue._watch._since -= timedelta(seconds=600)
    return rescue


def attempts(world: World, job_id: str) -> list[tuple[int, str]]:
    return world.sql.execute(
        "SELECT attempt, outcome FROM windrow.attempts WHERE job_id = %s ORDER BY attempt", [job_id]
    ).fetchall()


def test_a_claimed_job_of_a_dead_worker_is_queued_again_at_no_cost(world: World) -> None:
    world.accept("a")
    world.worker("w1")
    world.claim("w1", "a")
    world.lapse("w1")
    assert patient(world).run().done == 1
    assert world.job("a", "state", "failures", "losses", "claims", "worker", "token") == (
        "queued", 0, 0, 1, None, None,
    )  # fmt: skip
    assert attempts(world, "a") == []
    assert world.messages() == ["a"]
    assert world.value("SELECT lost AND ended_at IS NOT NULL FROM windrow.workers") is True


def test_the_only_job_of_a_dead_worker_pays_with_a_failure_and_waits(world: World) -> None:
    world.accept("poison")
    world.worker("w1")
    world.claim("w1", "poison", started=["poison"])
    world.lapse("w1")
    patient(world).run()
    assert world.job("poison", "state", "failures", "losses") == ("retrying", 1, 0)
    assert world.job("poison", "run_at > created_at") is True
    assert attempts(world, "poison") == [(1, "lost")]


def test_the_only_job_known_to_have_begun_is_not_blamed_for_what_a_claimed_one_may_have_done(
    world: World,
) -> None:
    world.accept("innocent", "claimed1", "claimed2")
    world.worker("w1")
    world.claim("w1", "innocent", "claimed1", "claimed2", started=["innocent"])
    world.lapse("w1")
    patient(world).run()
    assert world.job("innocent", "state", "failures", "losses") == ("queued", 0, 1)
    assert world.job("claimed1", "state", "failures", "losses") == ("queued", 0, 0)
    assert sorted(world.messages()) == ["claimed1", "claimed2", "innocent"]


def test_of_several_jobs_that_ran_nobody_is_blamed(world: World) -> None:
    world.accept("a", "b")
    world.worker("w1")
    world.claim("w1", "a", "b", started=["a", "b"])
    world.lapse("w1")
    patient(world).run()
    for job_id in ("a", "b"):
        assert world.job(job_id, "state", "failures", "losses") == ("queued", 0, 1)
        assert attempts(world, job_id) == [(1, "lost")]
    assert sorted(world.messages()) == ["a", "b"]


def test_a_job_lost_twice_beside_others_is_sent_to_run_alone(world: World) -> None:
    rescue = patient(world)
    world.accept("a", "b")
    for worker in ("w1", "w2"):
        world.worker(worker)
        world.claim(worker, "a", "b", started=["a", "b"])
        world.lapse(worker)
        world.redis.flushall()
        rescue.run()
    assert all('"alone":1' in text for text in world.redis.lrange("q", 0, -1))
    assert len(world.messages()) == 2


def test_a_poison_ends_as_failed_and_its_neighbours_pay_nothing(world: World) -> None:
    rescue = patient(world)
    world.accept("poison", "n1", "n2", max_attempts=3)
    for round_ in range(20):
        if world.state("poison") == "failed":
            break
        worker = f"w{round_}"
        world.worker(worker)
        alone = world.job("poison", "losses >= 2 OR claims >= 3")
        together = ["poison"] if alone else ["poison", "n1", "n2"]
        world.sql.execute("UPDATE windrow.jobs SET state = 'queued' WHERE state = 'retrying'")
        world.claim(worker, *together, started=together)
        world.lapse(worker)
        rescue.run()
    assert world.state("poison") == "failed"
    assert world.job("poison", "failures") == 3
    assert world.job("n1", "state", "failures") == ("queued", 0)
    assert world.job("n2", "state", "failures") == ("queued", 0)
    error = world.value(
        "SELECT error FROM windrow.attempts WHERE job_id = 'poison' ORDER BY attempt DESC LIMIT 1"
    )
    assert '"cls": "WorkerLost"' in error


def test_a_poison_that_kills_before_its_start_is_saved_ends_by_the_cap_on_claims(world: World) -> None:
    rescue = patient(world)
    world.accept("poison")
    for round_ in range(10):
        world.worker(f"w{round_}")
        world.claim(f"w{round_}", "poison")
        world.lapse(f"w{round_}")
        rescue.run()
    assert world.job("poison", "state", "failures") == ("failed", 0)
    assert attempts(world, "poison") == [(1, "lost")]
    assert world.job("poison", "finished_at IS NOT NULL AND worker IS NULL") is True


def test_a_job_whose_cancel_was_asked_is_cancelled(world: World) -> None:
    world.accept("a", "b")
    world.worker("w1")
    world.claim("w1", "a", "b", started=["a"])
    world.ledger.run(cancel, ["a", "b"])
    world.lapse("w1")
    patient(world).run()
    assert world.states() == {"cancelled": 2}
    assert world.messages() == []


def test_a_failed_member_fails_its_chord(world: World) -> None:
    member = '{"chord": {"task": "body"}, "group": "g", "group_index": 0}'
    world.ledger.run(open_chords, [NewChord("g", 1, (NewJob("body", "body", "q"),))])
    world.accept("a", max_attempts=1, options=member)
    world.worker("w1")
    world.claim("w1", "a", started=["a"])
    world.lapse("w1")
    with world.redis.pubsub() as heard:
        heard.subscribe("windrow:done")
        patient(world).run()
        wait_until(lambda: "body" in str(heard.get_message(timeout=0.1)))
    assert world.state("a") == "failed"
    assert world.state("body") == "failed"


def test_what_follows_from_a_failure_can_be_broken_and_the_jobs_still_end(world: World) -> None:
    world.accept("a", max_attempts=1, options='{"errbacks": "no JSON')
    world.accept("b", max_attempts=1)
    rescue = patient(world)
    for job_id in ("a", "b"):
        world.worker(f"w{job_id}")
        world.claim(f"w{job_id}", job_id, started=[job_id])
        world.lapse(f"w{job_id}")
    first = rescue.run()
    assert [error.split(":")[0] for error in first.errors] == ["a"]
    assert world.state("b") == "failed"
    for _ in range(3):
        rescue.run()
    assert world.state("a") == "failed"


def test_a_workers_messages_are_forgotten(world: World) -> None:
    world.accept("a", published=True)
    world.worker("w1", pool="p1")
    world.worker("w2", pool="p1", lease=60.0)
    world.hold("w1", "a", pool="p1")
    world.hold("w2", "b", pool="p1")
    world.lapse("w1")
    patient(world).run()
    assert world.redis.hkeys(unacked_key("p1")) == ["w2:1b"]
    assert world.value("SELECT forgotten_at IS NOT NULL FROM windrow.workers WHERE id = 'w1'") is True


def test_messages_are_forgotten_later_when_redis_is_away(world: World) -> None:
    world.worker("w1", pool="p1")
    world.hold("w1", "a", pool="p1")
    world.lapse("w1")
    result = patient(world, redis_url="redis://127.0.0.1:1/0").run()
    assert "tags" in result.errors[0]
    Rescue(world.crew().tools).run()
    assert world.redis.hkeys(unacked_key("p1")) == []


def test_a_worker_that_said_goodbye_is_forgotten_too_and_rescued_if_it_held_jobs(world: World) -> None:
    world.accept("a")
    world.worker("w1", pool="p1")
    world.claim("w1", "a")
    world.ledger.run(end, "w1")
    world.hold("w1", "a", pool="p1")
    rescue = patient(world)
    assert world.state("a") == "claimed"
    assert world.redis.hkeys(unacked_key("p1")) == []
    world.lapse("w1")
    rescue.run()
    assert world.state("a") == "queued"


def test_a_worker_without_a_row_is_given_one_lease_and_then_rescued(world: World) -> None:
    world.accept("a")
    world.claim("ghost", "a", started=["a"])
    rescue = patient(world, lease_seconds=3600.0)
    rescue.run()
    assert world.state("a") == "running"
    world.lapse("ghost")
    rescue.run()
    assert world.job("a", "state", "failures") == ("retrying", 1)


def test_a_finish_from_a_lapsed_worker_that_nobody_rescued_yet_is_accepted(world: World) -> None:
    world.accept("a")
    world.worker("w1")
    token = world.claim("w1", "a", started=["a"])
    world.lapse("w1")
    done = world.ledger.run(finish, [Outcome("a", token, State.SUCCEEDED, "succeeded", result="1")], "w1")
    assert done.ids == {"a"}
    patient(world).run()
    assert world.state("a") == "succeeded"


def test_a_finish_after_the_rescue_is_refused_and_the_worker_is_told(world: World) -> None:
    world.accept("a")
    world.worker("w1")
    token = world.claim("w1", "a", started=["a"])
    world.lapse("w1")
    patient(world).run()
    done = world.ledger.run(finish, [Outcome("a", token, State.SUCCEEDED, "succeeded", result="1")], "w1")
    assert done.ids == set()
    answer = world.ledger.run(renew, "w1", 15.0, 1, False, [("a", token)])
    assert not answer.alive
    assert answer.lost == ["a"]


def test_a_worker_that_renews_in_time_is_left_alone(world: World) -> None:
    world.accept("a")
    world.worker("w1", lease=60.0)
    world.claim("w1", "a")
    rescue = patient(world)
    rescue.run()
    assert world.state("a") == "claimed"


def test_nobody_is_dead_before_a_whole_lease_was_watched(world: World) -> None:
    world.accept("a")
    world.worker("w1", lease=1.0)
    world.claim("w1", "a", started=["a"])
    world.sql.execute(
        "UPDATE windrow.workers SET lease_until = clock_timestamp() - interval '1 h', "
        "renewed_at = clock_timestamp() - interval '1 h 1 s'"
    )
    rescue = Rescue(world.crew().tools)
    started = time.monotonic()
    while world.state("a") == "running":
        rescue.run()
        assert time.monotonic() - started < 10
        time.sleep(0.02)
    # The lease is a second: less cannot have been watched.
    assert time.monotonic() - started >= 0.9


def test_a_gap_in_its_own_passes_starts_the_watch_anew(world: World) -> None:
    world.accept("a")
    world.worker("w1")
    world.claim("w1", "a", started=["a"])
    rescue = Rescue(world.crew(rescue_gap_seconds=0.3).tools)
    for _ in range(3):
        rescue.run()
        # The process was stopped for longer than the gap, each time.
        time.sleep(0.4)
        world.lapse("w1")
    assert rescue.run().done == 0
    assert world.state("a") == "running"


def test_a_restart_of_postgres_starts_the_watch_anew(world: World) -> None:
    rescue = patient(world)
    world.accept("a")
    world.worker("w1")
    world.claim("w1", "a", started=["a"])
    world.lapse("w1")
    last = rescue._watch._last
    assert last is not None
    # As if the server that answered before had been another one.
    rescue._watch._last = last._replace(started_at=last.started_at - timedelta(days=1))
    assert rescue.run().done == 0
    assert world.state("a") == "running"


def test_an_outage_of_postgres_starts_the_watch_anew(world: World) -> None:
    rescue = patient(world)
    world.accept("a")
    world.worker("w1")
    world.claim("w1", "a", started=["a"])
    world.lapse("w1")
    away = world.settings(database_url="postgresql://127.0.0.1:1/none")
    there = rescue._tools
    rescue._tools = dataclasses.replace(there, ledgers=type(there.ledgers)(away.database_url, 1))
    with pytest.raises(LedgerUnavailable):
        rescue.run()
    rescue._tools = there
    assert rescue.run().done == 0
    assert world.state("a") == "running"


def test_a_bad_row_holds_up_no_other_of_its_worker(world: World) -> None:
    world.accept("a", "bad", "c")
    world.worker("w1")
    world.worker("w2")
    world.accept("other")
    world.claim("w1", "a", "bad", "c", started=["a", "c"])
    world.claim("w2", "other")
    world.poison("bad")
    world.lapse("w1")
    world.lapse("w2")
    result = patient(world).run()
    assert [error.split(":")[0] for error in result.errors] == ["bad"]
    assert sorted(world.messages()) == ["a", "c", "other"]
    # Two had started, so nobody is blamed although each was freed by itself.
    assert world.job("a", "failures", "losses") == (0, 1)
    assert world.job("bad", "state") == "claimed"


def test_two_beats_blame_a_job_once(world: World) -> None:
    for n in range(20):
        world.accept(f"j{n}")
        world.worker(f"w{n}")
        world.claim(f"w{n}", f"j{n}", started=[f"j{n}"])
    world.start(promote_seconds=600.0, lease_seconds=0.5)
    world.start(promote_seconds=600.0, lease_seconds=0.5)
    wait_until(lambda: world.value("SELECT count(*) FROM windrow.workers WHERE lost") == 20)
    assert world.value("SELECT max(failures) FROM windrow.jobs") == 1
    assert world.value("SELECT count(*) FROM windrow.attempts") == 20
