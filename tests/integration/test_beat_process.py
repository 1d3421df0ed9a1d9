"""`windrow beat` as a process: starts, fires an unchanged app's schedule, ends cleanly, and is not alone."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.beat_world import World, wait_until
from tests.support.pgbouncer_server import PgBouncerServer
from tests.support.processes import Doors
from windrow.store.chores import read
from windrow.store.schedule_crud import page

PROJECT = """
from celery import Celery
from celery.schedules import crontab

app = Celery("project", broker="redis://127.0.0.1:1/0")
app.conf.beat_schedule = {
    "often": {"task": "project.often", "schedule": 0.2, "args": (1,)},
    "nightly": {"task": "project.nightly", "schedule": crontab(minute=0, hour=3)},
}

@app.on_after_finalize.connect
def more(sender, **kwargs):
    sender.add_periodic_task(3600.0, often.s(2), name="added")

@app.task
def often(n):
    return n
"""


@pytest.fixture
def world(database_url: str, redis_url: str) -> Iterator[World]:
    world = World(database_url, redis_url)
    yield world
    world.close()


def ticks(world: World) -> int:
    count: int = world.value("SELECT count(*) FROM windrow.ticks")
    return count


@pytest.mark.timeout(120)
def test_beat_fires_an_unchanged_apps_schedule_and_ends_cleanly(
    world: World, doors: Doors, tmp_path: Path
) -> None:
    (tmp_path / "project.py").write_text(PROJECT)
    beat = doors.start("beat", env={"WINDROW_CELERY_APP": "project:app", "PYTHONPATH": str(tmp_path)})
    wait_until(lambda: ticks(world) >= 3, 30.0)
    assert {row.id for row in world.ledger.run(page, None, 100)} == {"often", "nightly", "added"}
    assert world.value("SELECT task FROM windrow.jobs LIMIT 1") == "project.often"
    wait_until(lambda: len(world.messages("celery")) >= 3)
    beat.send(signal.SIGTERM)
    wait_until(lambda: beat.returncode is not None, 40.0)
    assert beat.returncode == 0, beat.log()
    assert "Traceback" not in beat.log()


@pytest.mark.timeout(120)
def test_when_one_of_two_beats_is_killed_the_other_goes_on(
    world: World, doors: Doors, tmp_path: Path
) -> None:
    (tmp_path / "project.py").write_text(PROJECT)
    env = {"WINDROW_CELERY_APP": "project:app", "PYTHONPATH": str(tmp_path)}
    first = doors.start("beat", env=env)
    doors.start("beat", env=env)
    wait_until(lambda: ticks(world) >= 5, 30.0)
    first.kill()
    before = ticks(world)
    wait_until(lambda: ticks(world) >= before + 5, 30.0)
    assert ticks(world) == world.value("SELECT count(*) FROM windrow.jobs")


@pytest.mark.timeout(120)
def test_beat_works_through_pgbouncer_in_transaction_mode(
    world: World, doors: Doors, pgbouncer: PgBouncerServer
) -> None:
    doors.start(
        "beat",
        env={
            "WINDROW_DATABASE_URL": pgbouncer.through(world.database_url),
            "WINDROW_PREPARED_STATEMENTS": "false",
        },
    )
    names = {"promote", "relay", "settle", "rescue", "expire", "fold", "retain", "schedules"}
    wait_until(lambda: {row.name for row in world.ledger.run(read) if row.succeeded_at} == names, 30.0)
    world.accept("soon", delay=0.2)
    world.accept("late", expires_in=0.1, delay=60.0)
    wait_until(lambda: world.messages() == ["soon"])
    wait_until(lambda: world.state("late") == "expired")
    assert not [row.error for row in world.ledger.run(read) if row.error]


@pytest.mark.timeout(120)
def test_beat_starts_before_the_ledger_and_redis(world: World, doors: Doors) -> None:
    beat = doors.start(
        "beat",
        env={
            "WINDROW_DATABASE_URL": "postgresql://127.0.0.1:1/none",
            "WINDROW_REDIS_URL": "redis://127.0.0.1:1/0",
        },
    )
    beat.expect("The ledger is away", 30.0)
    beat.send(signal.SIGTERM)
    wait_until(lambda: beat.returncode is not None, 40.0)
    assert beat.returncode == 0, beat.log()
