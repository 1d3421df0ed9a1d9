"""Expire and retain, and how every chore notes how it fares."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.integration.beat_world import World, wait_until
from windrow.beat.chores.expire import Expire
from windrow.beat.chores.retain import Retain
from windrow.core.errors import LedgerUnavailable
from windrow.core.job import NewChord, NewJob
from windrow.store.chords import open_chords
from windrow.store.chores import read
from windrow.store.fold import fold
from windrow.store.op import Op
from windrow.store.retain import OTHERS
from windrow.store.workers import end

TABLES = (
    "jobs",
    "payloads",
    "attempts",
    "progress",
    "chords",
    "chord_parts",
    "guards",
    "ticks",
    "workers",
    "groups",
)


@pytest.fixture
def world(database_url: str, redis_url: str) -> Iterator[World]:
    world = World(database_url, redis_url)
    yield world
    world.close()


def test_what_nobody_started_in_time_expires_and_its_waiters_hear_it(world: World) -> None:
    world.accept("queued", "kept", expires_in=60.0)
    world.accept("scheduled", expires_in=60.0, delay=3600.0)
    world.accept("blocked", expires_in=60.0, blocked=True)
    world.accept("running", expires_in=60.0)
    world.worker("w1")
    world.claim("w1", "running", started=["running"])
    world.sql.execute(
        "UPDATE windrow.jobs SET expires_at = clock_timestamp() - interval '1 ms' WHERE id <> 'kept'"
    )
    with world.redis.pubsub() as heard:
        heard.subscribe("windrow:done")
        heard.get_message(timeout=1.0)
        assert Expire(world.crew().tools).run().done == 3
        message = heard.get_message(timeout=1.0)
    assert message is not None
    assert set(json.loads(message["data"])) == {"queued", "scheduled", "blocked"}
    assert world.states() == {"expired": 3, "queued": 1, "running": 1}
    assert (
        world.value("SELECT count(*) FROM windrow.jobs WHERE state = 'expired' AND finished_at IS NULL") == 0
    )


def test_an_expired_member_fails_its_chord(world: World) -> None:
    world.ledger.run(open_chords, [NewChord("g", 1, (NewJob("body", "body", "q"),))])
    world.accept("a", expires_in=-1.0, options='{"chord": {"task": "body"}, "group": "g", "group_index": 0}')
    Expire(world.crew().tools).run()
    assert world.state("a") == "expired"
    assert world.state("body") == "failed"


def test_a_bad_row_keeps_no_other_from_expiring(world: World) -> None:
    world.accept("a", "bad", "c", expires_in=-1.0)
    world.poison("bad")
    result = Expire(world.crew().tools).run()
    assert result.done == 2
    assert [error.split(":")[0] for error in result.errors] == ["bad"]


def history(world: World, *ids: str, age: str = "8 days") -> None:
    """Ended jobs with everything that can hang on them."""
    world.accept(*ids)
    for statement in (
        "UPDATE windrow.jobs SET state = 'succeeded', finished_at = clock_timestamp() - %(age)s::interval "
        "WHERE id = ANY(%(ids)s)",
        "INSERT INTO windrow.attempts (job_id, attempt, outcome, task, queue) "
        "SELECT id, 1, 'succeeded', 't', 'q' FROM unnest(%(ids)s::text[]) id",
        "INSERT INTO windrow.progress (job_id, state, meta) SELECT id, 'PROGRESS', '1' FROM unnest(%(ids)s::text[]) id",
        "INSERT INTO windrow.chords (id, size, remaining, body, freed_at) "
        "SELECT id, 1, 0, '[]', clock_timestamp() - %(age)s::interval FROM unnest(%(ids)s::text[]) id",
        "INSERT INTO windrow.chord_parts (chord_id, index, job_id) SELECT id, 0, id FROM unnest(%(ids)s::text[]) id",
        "INSERT INTO windrow.guards (name, job_id, expires_at) "
        "SELECT id, id, clock_timestamp() + interval '7 days' - %(age)s::interval FROM unnest(%(ids)s::text[]) id",
        "INSERT INTO windrow.ticks (schedule_id, fire_at, created_at) "
        "SELECT id, clock_timestamp(), clock_timestamp() - %(age)s::interval FROM unnest(%(ids)s::text[]) id",
        "INSERT INTO windrow.groups (id, result, created_at) "
        "SELECT id, '[]', clock_timestamp() - %(age)s::interval FROM unnest(%(ids)s::text[]) id",
    ):
        world.sql.execute(statement, {"ids": list(ids), "age": age})
    for job_id in ids:
        world.worker(job_id)
        world.ledger.run(end, job_id)
    world.sql.execute(
        "UPDATE windrow.workers SET ended_at = clock_timestamp() - %(age)s::interval, forgotten_at = clock_timestamp() "
        "WHERE id = ANY(%(ids)s)",
        {"ids": list(ids), "age": age},
    )
    # History is what the statistics know.
    while world.ledger.run(fold, 100).done:
        pass


def counts(world: World) -> dict[str, int]:
    return {table: world.value(f"SELECT count(*) FROM windrow.{table}") for table in TABLES}


def test_old_history_is_deleted_whole_and_young_history_is_kept(world: World) -> None:
    history(world, "old1", "old2", "old3")
    history(world, "young", age="1 day")
    world.accept("live")
    retain = Retain(world.crew(retain_batch=2, retention_seconds=7 * 86400.0).tools)
    while retain.run().done:
        pass
    assert counts(world) == {**dict.fromkeys(TABLES, 1), "jobs": 2, "payloads": 2}
    assert world.states() == {"succeeded": 1, "queued": 1}


def test_a_table_that_cannot_be_cleaned_keeps_no_other_from_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_slow(limit: int, keep: float) -> Op[int]:
        raise LedgerUnavailable("canceling statement due to statement timeout")

    history(world, "old")
    monkeypatch.setitem(OTHERS, "chords", too_slow)
    with pytest.raises(LedgerUnavailable, match="timeout"):
        Retain(world.crew().tools).run()
    assert {table for table, count in counts(world).items() if count} == {"chords", "chord_parts"}


def test_retain_pauses_between_batches_and_rests_when_all_is_done(world: World) -> None:
    history(world, *(f"j{n}" for n in range(5)))
    retain = Retain(world.crew(retain_batch=2, retain_seconds=60.0, retain_pause_seconds=0.1).tools)
    waits = [retain.run().wait for _ in range(6)]
    assert waits[0] == 0.1
    assert waits[-1] == 60.0


def test_what_a_living_job_needs_is_never_history(world: World) -> None:
    world.accept("held")
    world.worker("w1")
    world.claim("w1", "held", started=["held"])
    world.ledger.run(open_chords, [NewChord("waiting", 2, ())])
    world.sql.execute("UPDATE windrow.chords SET created_at = clock_timestamp() - interval '1 year'")
    world.sql.execute(
        "UPDATE windrow.workers SET ended_at = clock_timestamp() - interval '1 year', forgotten_at = clock_timestamp()"
    )
    assert Retain(world.crew(retention_seconds=1.0).tools).run().done == 0
    assert world.value("SELECT count(*) FROM windrow.workers") == 1
    assert world.value("SELECT count(*) FROM windrow.chords") == 1


def test_a_bad_row_keeps_no_other_from_being_deleted(world: World) -> None:
    history(world, "a", "bad", "c")
    world.poison("bad")
    result = Retain(world.crew(retention_seconds=1.0).tools).run()
    assert [error.split(":")[0] for error in result.errors] == ["bad"]
    assert world.states() == {"succeeded": 1}


def test_every_chore_notes_its_success_and_two_beats_share_the_notes(world: World) -> None:
    world.start()
    world.start()
    names = {"promote", "relay", "settle", "rescue", "expire", "fold", "retain"}
    wait_until(lambda: {row.name for row in world.ledger.run(read) if row.succeeded_at} == names)
    world.accept("a", expires_in=-1.0)
    wait_until(lambda: next(row.done for row in world.ledger.run(read) if row.name == "expire") == 1)


def test_a_failing_chore_notes_why_and_goes_on(world: World) -> None:
    world.start(redis_url="redis://127.0.0.1:1/0")
    wait_until(lambda: any(row.failed_at for row in world.ledger.run(read) if row.name == "settle"))
    row = next(row for row in world.ledger.run(read) if row.name == "settle")
    assert "BrokerUnavailable" in str(row.error)
    world.accept("a", expires_in=-1.0)
    wait_until(lambda: world.state("a") == "expired")


def test_a_beat_holds_at_most_three_connections(world: World) -> None:
    world.start()
    wait_until(lambda: len(world.ledger.run(read)) == 7)
    held = (
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE application_name = 'windrow-beat' AND datname = current_database()"
    )
    assert max(world.value(held) for _ in range(20)) <= 3
