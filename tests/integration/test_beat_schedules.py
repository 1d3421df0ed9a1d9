"""Schedules on a real PostgreSQL and a real Redis: ticks, catching up, bad rows, two beats, and what code declares."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from celery import Celery
from celery.beat import BeatLazyFunc
from celery.schedules import crontab, schedule

from tests.integration.beat_world import World, wait_until
from windrow.beat.scheduler import LedgerScheduler
from windrow.core.errors import InvalidJob
from windrow.store.fire import fire
from windrow.store.ledger import Ledger
from windrow.store.schedule_crud import (
    NewSchedule,
    ScheduleRow,
    create,
    delete,
    find,
    page,
    pause,
    replace,
    resume,
)

Start = Callable[..., LedgerScheduler]


@pytest.fixture
def world(database_url: str, redis_url: str) -> Iterator[World]:
    world = World(database_url, redis_url)
    yield world
    world.close()


@pytest.fixture
def beat(world: World) -> Iterator[Start]:
    """Starts schedulers; their `tick` is called by hand."""
    running: list[LedgerScheduler] = []

    def start(
        beat_schedule: dict[str, Any] | None = None, conf: dict[str, Any] | None = None, **changes: Any
    ) -> Any:
        app = Celery("project", broker=world.redis_url, set_as_current=False)
        app.conf.update(conf or {})
        app.conf.beat_schedule = beat_schedule or {}
        app.conf["windrow_beat"] = world.settings(**{"celery_app": "project:app", **changes})
        running.append(LedgerScheduler(app))
        return running[-1]

    yield start
    for scheduler in running:
        scheduler.close()


def tick(scheduler: LedgerScheduler) -> float:
    """A look at the schedules, after declaring what code says."""
    scheduler._declare_at = 0.0
    return scheduler.tick()


def row(schedule_id: str = "s", kind: str = "interval", spec: str = "3600") -> NewSchedule:
    return NewSchedule(schedule_id, "t", "q", '[[1], {"a": 2}]', 0, kind, spec, "UTC", True)


def overdue(world: World, schedule_id: str = "s", seconds: float = 1.0) -> None:
    world.sql.execute(
        "UPDATE windrow.schedules SET next_at = clock_timestamp() - %s * interval '1 s' WHERE id = %s",
        [seconds, schedule_id],
    )


def one(world: World, schedule_id: str) -> ScheduleRow:
    found = world.ledger.run(find, schedule_id)
    assert found is not None
    return found


def test_a_due_schedule_makes_one_job_a_tick_and_goes_on(world: World, beat: Start) -> None:
    world.ledger.run(create, row())
    scheduler = beat()
    scheduler.tick()
    assert world.states() == {}
    overdue(world)
    due_at = one(world, "s").next_at
    scheduler.tick()
    assert world.states() == {"queued": 1}
    tick = world.sql.execute("SELECT fire_at, job_id FROM windrow.ticks").fetchone()
    assert tick is not None
    assert tick[0] == due_at
    assert world.messages() == [tick[1]]
    assert world.value("SELECT input FROM windrow.payloads") == '[[1], {"a": 2}]'
    now = one(world, "s")
    assert due_at is not None
    assert now.next_at == due_at + timedelta(hours=1)
    assert now.last_at == due_at


def test_a_tick_that_exists_makes_no_second_job(world: World) -> None:
    world.ledger.run(create, row())
    overdue(world)
    due_at = one(world, "s").next_at
    assert len(world.ledger.run(fire, "s").job_ids) == 1
    # A beat that restored an old backup, or whose clock went back.
    world.sql.execute("UPDATE windrow.schedules SET next_at = %s", [due_at])
    assert world.ledger.run(fire, "s").job_ids == []
    assert world.states() == {"queued": 1}


def test_two_beats_fire_each_moment_once(world: World) -> None:
    for n in range(10):
        world.ledger.run(create, row(f"s{n}", spec="0.05"))
    stop = threading.Event()

    def race() -> None:
        ledger = Ledger(world.database_url)
        while not stop.is_set():
            for n in range(10):
                ledger.run(fire, f"s{n}", 1000)
        ledger.close()

    racers = [threading.Thread(target=race) for _ in range(2)]
    for racer in racers:
        racer.start()
    wait_until(lambda: world.value("SELECT count(*) FROM windrow.ticks") > 200)
    stop.set()
    for racer in racers:
        racer.join(10)
    ticks = world.value("SELECT count(*) FROM windrow.ticks")
    assert ticks == world.value("SELECT count(*) FROM windrow.jobs")
    # None left out: each schedule's moments are exactly 50 ms apart.
    assert world.value(
        "SELECT bool_and(gap = interval '50 ms') FROM (SELECT fire_at - lag(fire_at) OVER (PARTITION BY schedule_id "
        "ORDER BY fire_at) AS gap FROM windrow.ticks) gaps WHERE gap IS NOT NULL"
    )


@pytest.mark.parametrize(("catch_up", "jobs"), [(1, 1), (3, 3), (1000, 11)])
def test_after_a_time_away_only_the_latest_moments_are_made_up_for(
    world: World, beat: Start, catch_up: int, jobs: int
) -> None:
    world.ledger.run(create, row(spec="60"))
    overdue(world, seconds=630.0)
    first = one(world, "s").next_at
    assert first is not None
    beat(catch_up=catch_up).tick()
    fired = [r[0] for r in world.sql.execute("SELECT fire_at FROM windrow.ticks ORDER BY 1").fetchall()]
    assert fired == [first + timedelta(minutes=n) for n in range(11)][-jobs:]
    assert world.states() == {"queued": jobs}
    assert one(world, "s").next_at == first + timedelta(minutes=11)


def test_a_moment_that_is_too_old_is_passed_over(world: World, beat: Start) -> None:
    world.ledger.run(create, row(spec="3600"))
    overdue(world, seconds=600.0)
    beat(catch_up_seconds=60.0).tick()
    assert world.states() == {}
    assert one(world, "s").next_at is not None


def test_one_bad_schedule_does_not_hold_up_the_others_and_says_why(world: World, beat: Start) -> None:
    for name in ("bad-spec", "bad-zone", "bad-input", "bad-options", "good"):
        world.ledger.run(create, row(name))
        overdue(world, name, 5.0 if name.startswith("bad") else 1.0)
    world.sql.execute("UPDATE windrow.schedules SET kind = 'cron', spec = 'x' WHERE id = 'bad-spec'")
    world.sql.execute("UPDATE windrow.schedules SET timezone = 'Mars/Olympus' WHERE id = 'bad-zone'")
    world.sql.execute(
        "UPDATE windrow.schedules SET options = '{\"max_attempts\": 99999999}' WHERE id = 'bad-input'"
    )
    world.sql.execute(
        "UPDATE windrow.schedules SET options = '{\"no_such_field\": 1}' WHERE id = 'bad-options'"
    )
    scheduler = beat(schedule_retry_seconds=600.0)
    scheduler.tick()
    assert world.states() == {"queued": 1}
    assert one(world, "good").error is None
    for name in ("bad-spec", "bad-zone", "bad-input", "bad-options"):
        assert one(world, name).error
    # It is not tried again at once.
    before = one(world, "bad-zone").failed_at
    scheduler.tick()
    assert one(world, "bad-zone").failed_at == before


def test_a_retired_task_makes_no_job_until_it_is_declared_again(world: World, beat: Start) -> None:
    world.sql.execute(
        "INSERT INTO windrow.tasks (name, queue, pool, release, max_attempts, retry, hard_limit, retired_at) "
        "VALUES ('t', 'theirs', 'p', '1', 7, '{\"base\": 2.0}', 12.0, clock_timestamp())"
    )
    world.ledger.run(create, row()._replace(queue=None))
    overdue(world)
    scheduler = beat(schedule_retry_seconds=1e-3)
    scheduler.tick()
    assert "RetiredTask" in str(one(world, "s").error)
    world.sql.execute("UPDATE windrow.tasks SET retired_at = NULL")
    scheduler.tick()
    assert one(world, "s").error is None
    job = world.sql.execute(
        "SELECT queue, max_attempts, retry_errors, hard_limit FROM windrow.jobs"
    ).fetchone()
    assert job == ("theirs", 7, True, 12.0)
    assert world.value("SELECT options FROM windrow.payloads") == '{"retry": {"base": 2.0}}'


def test_a_one_off_fires_once_even_when_it_is_late(world: World, beat: Start) -> None:
    world.ledger.run(create, row(kind="once", spec=(datetime.now(UTC) - timedelta(days=1)).isoformat()))
    scheduler = beat()
    scheduler.tick()
    scheduler.tick()
    assert world.states() == {"queued": 1}
    assert one(world, "s").next_at is None


def test_a_paused_schedule_rests_and_goes_on_from_now(world: World, beat: Start) -> None:
    world.ledger.run(create, row(spec="60"))
    overdue(world, seconds=630.0)
    world.ledger.run(pause, "s")
    scheduler = beat()
    scheduler.tick()
    assert world.states() == {}
    resumed = world.ledger.run(resume, "s")
    assert resumed is not None
    scheduler.tick()
    assert world.states() == {}
    assert resumed.next_at is not None
    assert resumed.next_at > datetime.now(UTC) - timedelta(seconds=5)


def test_a_schedule_of_a_paused_queue_makes_jobs_without_messages(world: World) -> None:
    world.sql.execute("INSERT INTO windrow.queues (name, paused_at) VALUES ('q', clock_timestamp())")
    world.ledger.run(create, row())
    overdue(world)
    assert world.ledger.run(fire, "s").queued == []
    assert world.value("SELECT count(*) FROM windrow.jobs WHERE published_at IS NULL") == 1


def test_an_edit_keeps_the_time_unless_it_changes_the_spec(world: World) -> None:
    world.ledger.run(create, row(spec="3600"))
    before = one(world, "s").next_at
    edited = world.ledger.run(replace, row(spec="3600")._replace(priority=5))
    assert edited is not None
    assert (edited.next_at, edited.priority) == (before, 5)
    edited = world.ledger.run(replace, row(spec="60"))
    assert edited is not None
    assert edited.next_at != before
    with pytest.raises(InvalidJob):
        world.ledger.run(replace, row(kind="cron", spec="never"))


def test_an_apps_beat_schedule_is_honoured(world: World, beat: Start) -> None:
    scheduler = beat(
        {
            "cron": {
                "task": "a",
                "schedule": crontab(minute=30, hour="4", day_of_week="mon-fri"),
                "args": (1, 2),
            },
            "both": {"task": "a", "schedule": crontab(0, 0, day_of_month="13", day_of_week="fri")},
            "delta": {"task": "b", "schedule": timedelta(minutes=5), "kwargs": {"x": "y"}},
            "number": {
                "task": "b",
                "schedule": 0.5,
                "options": {
                    "queue": "fast",
                    "priority": 2,
                    "expires": 30,
                    "time_limit": 60,
                    "ignore_result": True,
                },
            },
            "rounded": {"task": "b", "schedule": timedelta(hours=1), "relative": True},
        },
        {"timezone": "Europe/Berlin"},
        release="7",
    )
    tick(scheduler)
    cron = one(world, "cron")
    assert (cron.kind, cron.spec, cron.timezone) == ("crontab", "30 4 * * 1,2,3,4,5", "Europe/Berlin")
    assert (cron.origin, cron.release, cron.input) == ("code", "7", "[[1, 2], {}]")
    assert one(world, "both").spec == "0 0 13 * 5"
    assert one(world, "delta").spec == "300.0"
    number = one(world, "number")
    assert (number.queue, number.priority, number.spec) == ("fast", 7, "0.5")
    assert json.loads(number.options or "")["expires_in"] == 30.0
    rounded = one(world, "rounded").next_at
    assert rounded is not None
    assert timedelta(0) < rounded - datetime.now(UTC) <= timedelta(hours=1, minutes=1)
    assert min(rounded.minute, 60 - rounded.minute) == 0
    wait_until(lambda: tick(scheduler) and world.states().get("queued"))
    job = world.sql.execute(
        "SELECT task, queue, hard_limit, expires_at > created_at FROM windrow.jobs"
    ).fetchone()
    assert job == ("b", "fast", 60.0, True)
    options = json.loads(world.value("SELECT options FROM windrow.payloads LIMIT 1"))
    assert options["ignore_result"] is True
    assert options["headers"] == {"celery_beat_task": True}


def test_what_the_ledger_cannot_keep_is_refused_with_the_reason_and_spoils_no_other(
    world: World, beat: Start
) -> None:
    class solar(schedule):  # noqa: N801 - Celery's name; the real one needs the ephem library
        pass

    class Odd(schedule):
        pass

    shifted = crontab(minute=0, nowfun=lambda: datetime.now(UTC) + timedelta(hours=5))
    honest = crontab(minute=0, nowfun=lambda: datetime.now(UTC))
    beat(
        {
            "sun": {"task": "a", "schedule": solar(60)},
            "odd": {"task": "a", "schedule": Odd(60)},
            "shifted": {"task": "a", "schedule": shifted},
            "honest": {"task": "a", "schedule": honest},
            "fixed-id": {"task": "a", "schedule": 60, "options": {"task_id": "x"}},
            "pickled": {"task": "a", "schedule": 60, "options": {"serializer": "pickle"}},
            "no-json": {"task": "a", "schedule": 60, "args": (object(),)},
            "too-fast": {"task": "a", "schedule": 0},
            "no-task": {"schedule": 60},
            "nul\x00": {"task": "a", "schedule": 60},
            "half\ud800": {"task": "a", "schedule": 60},
            "good": {"task": "a", "schedule": 60},
        }
    ).tick()
    rows = {r.id: r for r in world.ledger.run(page, None, 100)}
    assert {name for name, r in rows.items() if r.enabled} == {"honest", "good"}
    assert all(r.error and r.next_at is None for r in rows.values() if not r.enabled)
    assert "Solar" in str(rows["sun"].error)
    assert "nowfun" in str(rows["shifted"].error)


def test_lazy_arguments_are_made_anew_for_each_tick(world: World, beat: Start) -> None:
    counter = iter(range(100))
    scheduler = beat(
        {"s": {"task": "a", "schedule": 3600, "kwargs": {"n": BeatLazyFunc(lambda: next(counter))}}}
    )
    for _ in range(2):
        tick(scheduler)
        overdue(world)
        tick(scheduler)
    inputs = [
        r[0] for r in world.sql.execute("SELECT input FROM windrow.payloads ORDER BY job_id").fetchall()
    ]
    assert inputs == ['[[], {"n": 0}]', '[[], {"n": 1}]']


def test_the_newest_release_counts_and_what_it_no_longer_says_is_disabled(world: World, beat: Start) -> None:
    old = beat({"a": {"task": "old", "schedule": 60}, "gone": {"task": "old", "schedule": 60}}, release="1.9")
    new = beat({"a": {"task": "new", "schedule": 60}, "b": {"task": "new", "schedule": 60}}, release="1.10")
    tick(old)
    tick(new)
    tick(old)
    rows = {r.id: r for r in world.ledger.run(page, None, 100)}
    assert {name: (r.task, r.enabled) for name, r in rows.items()} == {
        "a": ("new", True),
        "b": ("new", True),
        "gone": ("old", False),
    }


def test_after_a_rollback_the_older_release_speaks_again(world: World, beat: Start) -> None:
    new = beat({"a": {"task": "new", "schedule": 60}}, release="2")
    old = beat({"a": {"task": "old", "schedule": 60}}, release="1")
    tick(new)
    world.sql.execute("UPDATE windrow.schedules SET declared_at = clock_timestamp() - interval '1 h'")
    tick(old)
    assert one(world, "a").task == "old"


def test_what_the_api_changed_is_kept(world: World, beat: Start) -> None:
    scheduler = beat({"a": {"task": "code", "schedule": 60}, "b": {"task": "code", "schedule": 60}})
    world.ledger.run(create, row("b"))
    tick(scheduler)
    assert one(world, "b").task == "t"
    world.ledger.run(replace, row("a", spec="120"))
    tick(scheduler)
    assert (one(world, "a").spec, one(world, "a").edited) == ("120", True)
    # Code would bring a deleted one back.
    assert not world.ledger.run(delete, "a")
    assert world.ledger.run(delete, "b")
    tick(scheduler)
    assert one(world, "b").task == "code"


def test_declaring_again_does_not_move_a_schedules_time(world: World, beat: Start) -> None:
    wish = {"a": {"task": "code", "schedule": 60}}
    tick(beat(wish))
    before = one(world, "a").next_at
    tick(beat(wish))
    assert one(world, "a").next_at == before


def test_beat_lives_while_the_ledger_is_away(world: World, beat: Start) -> None:
    scheduler = beat(database_url="postgresql://127.0.0.1:1/none")
    assert tick(scheduler) > 0
