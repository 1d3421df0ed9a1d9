"""The tasks of the todos app on a real PostgreSQL, with a clock that the test moves and nothing between them and it."""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import psycopg
import pytest

from tests.integration.apps.conftest import Table
from windrow_apps.shared.database import DatabaseSettings, run
from windrow_apps.shared.ops import Op
from windrow_apps.todos import chore_store, export_store, store, tasks
from windrow_apps.todos.bulk import update_many
from windrow_apps.todos.chore_store import Progress
from windrow_apps.todos.chores import Chores
from windrow_apps.todos.export import NoExport, write_export
from windrow_apps.todos.reminders import follow_in_task, job_input
from windrow_apps.todos.rows import TodoRow
from windrow_apps.todos.settings import TodoSettings
from windrow_apps.todos.store import Change

T = TypeVar("T")
_owners = itertools.count(1)
NOW = datetime(2026, 3, 27, 12, tzinfo=UTC)
#: Berlin's clock is changed in the night before.
DEADLINE = datetime.fromisoformat("2026-03-29T09:00:00+02:00")
REMIND_AT = datetime.fromisoformat("2026-03-28T09:00:00+01:00")


class World:
    """An owner's to-dos, and the chores."""

    def __init__(self, database: DatabaseSettings, table: Table) -> None:
        self.database = database
        self.table = table
        self.owner = f"owner-{next(_owners)}"
        self.settings = TodoSettings(batch=3, part_bytes=64)
        self.forgotten: list[str] = []
        self.chores = Chores(database, self.settings, self.forgotten.extend)
        self.sent: list[TodoRow] = []

    def run(self, op: Op[T]) -> T:
        return self.table.run(op)

    def add(self, now: datetime = NOW, **fields: Any) -> TodoRow:
        done = self.run(store.create(self.owner, {"title": "Buy milk", **fields}, now))
        assert done.after is not None
        return done.after

    def change(self, row: TodoRow, now: datetime = NOW, **fields: Any) -> Change:
        return self.run(store.change(self.owner, row.id, fields, now))

    def remind(self, row: TodoRow, now: datetime) -> str:
        given = job_input(row)
        deadline, moment = (datetime.fromisoformat(given[name]) for name in ("deadline", "remind_at"))
        return self.run(chore_store.remind(given["todo_id"], deadline, moment, now)).outcome

    def notices(self, kind: str) -> list[int]:
        rows = self.table.rows(
            "SELECT task_id FROM todos.notices WHERE owner = %s AND kind = %s ORDER BY id", self.owner, kind
        )
        return [row["task_id"] for row in rows]

    def generation(self) -> Any:
        return self.run(store.generation(self.owner))

    def check(self, now: datetime) -> dict[str, int]:
        return self.chores.check_overdue(self.sent.extend, now)


@pytest.fixture
def world(database: DatabaseSettings, table: Table) -> World:
    for name in ("tasks", "notices", "days", "exports", "bulk_runs", "owners"):
        table.rows(f"DELETE FROM todos.{name}")
    return World(database, table)


def test_a_reminder_comes_once_and_a_day_of_wall_clock_before(world: World) -> None:
    row = world.add(deadline=DEADLINE, timezone="Europe/Berlin")
    assert row.remind_at == REMIND_AT
    assert world.remind(row, REMIND_AT - timedelta(seconds=1)) == "too early"
    assert world.notices("reminder") == []
    assert [world.remind(row, REMIND_AT) for _ in range(2)] == ["sent", "sent before"]
    assert world.notices("reminder") == [row.id]


def test_a_reminder_of_another_deadline_or_of_what_is_done_does_nothing(world: World) -> None:
    row = world.add(deadline=DEADLINE)
    moved = world.change(row, deadline=DEADLINE + timedelta(days=3)).after
    assert moved is not None
    assert moved.reminder_job != row.reminder_job
    assert world.remind(row, DEADLINE) == "stale"
    assert world.remind(moved, moved.remind_at or NOW) == "sent"
    zoned = world.change(moved, timezone="Asia/Tokyo").after
    assert zoned == moved.__class__(**{**_fields(moved), "timezone": "Asia/Tokyo"})
    world.change(moved, completed=True)
    assert world.remind(moved, DEADLINE + timedelta(days=2)) == "stale"
    world.run(store.remove(world.owner, row.id))
    assert world.remind(moved, DEADLINE + timedelta(days=2)) == "stale"


def test_the_task_tells_the_operator_once(
    world: World, todos_env: pytest.MonkeyPatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, ...]] = []
    monkeypatch.setattr(tasks, "notify", lambda *words: told.append(words))
    # By the database's own clock, for the task has no other.
    row = world.add(datetime.now(UTC), deadline=datetime.now(UTC) + timedelta(hours=23))
    given = job_input(row)
    assert [tasks.send_task_reminder(**given)["reminder"] for _ in range(2)] == ["sent", "sent before"]
    assert [words[0] for words in told] == ["reminder"]
    assert "Buy milk" in told[0][1]


def _fields(row: TodoRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in TodoRow.__slots__}


def test_what_a_change_drops_and_wants(world: World) -> None:
    sent: list[int] = []
    gone: list[str] = []

    def follow(*changes: Change) -> None:
        follow_in_task(
            changes,
            lambda rows: sent.extend(row.id for row in rows),
            gone.extend,
            lambda r: world.run(store.keep_reminders(r)),
        )

    row = world.add(deadline=DEADLINE)
    follow(Change(None, row))
    assert (sent, gone) == ([row.id], [])
    titled = world.change(row, title="x")
    follow(titled)
    assert (sent, gone) == ([row.id], [])
    follow(world.change(row, deadline=DEADLINE + timedelta(days=1)))
    assert (sent, gone) == ([row.id] * 2, [row.reminder_job])
    removed = world.run(store.remove(world.owner, row.id))
    follow(removed)
    assert removed.before is not None
    assert gone == [row.reminder_job, removed.before.reminder_job]


def test_the_hourly_check_submits_reminders_that_nobody_has_submitted(world: World) -> None:
    kept, lost, fresh = (world.add(deadline=DEADLINE) for _ in range(3))
    world.run(store.keep_reminders([kept]))
    generation = world.generation()
    later = NOW + timedelta(minutes=5)
    # One that was changed just now is left to its route.
    world.change(fresh, later, title="x")
    before = world.generation()
    assert before != generation
    assert world.check(later + timedelta(seconds=30))["reminders"] == 1
    assert [row.id for row in world.sent] == [lost.id]
    assert world.generation() == before
    assert world.check(later + timedelta(hours=1))["reminders"] == 1
    assert world.check(later + timedelta(hours=2))["reminders"] == 0


def test_what_passes_its_deadline_is_marked_and_told_once(world: World) -> None:
    rows = [world.add(deadline=NOW + timedelta(hours=number)) for number in range(1, 8)]
    world.add(deadline=NOW + timedelta(hours=1), completed=True)
    world.add()
    assert world.check(NOW)["overdue"] == 0
    generation = world.generation()
    found = world.check(NOW + timedelta(hours=5))
    assert (found["overdue"], found["owners"]) == (5, 1)
    assert world.forgotten == [world.owner]
    assert world.generation() != generation
    assert world.notices("overdue") == [row.id for row in rows[:5]]
    assert world.check(NOW + timedelta(hours=5))["overdue"] == 0
    # Whoever moves it is told again.
    world.change(rows[0], NOW + timedelta(hours=5), deadline=NOW + timedelta(hours=6))
    assert world.check(NOW + timedelta(hours=6))["overdue"] == 2
    assert sorted(world.notices("overdue")) == sorted([rows[0].id, *(row.id for row in rows[:6])])


def test_statistics_of_the_day_change_a_generation_only_when_they_are_news(world: World) -> None:
    world.add()
    world.add(completed=True)
    other = World(world.database, world.table)
    other.add()
    assert world.chores.count_days(None, NOW) == {"owners": 2, "changed": 2}
    generation = world.generation()
    assert world.chores.count_days(None, NOW) == {"owners": 2, "changed": 0}
    assert world.chores.count_days("nobody", NOW) == {"owners": 0, "changed": 0}
    assert world.generation() == generation
    world.add(completed=True)
    assert world.chores.count_days(world.owner, NOW + timedelta(days=1)) == {"owners": 1, "changed": 1}
    days = world.run(store.counts(world.owner, 30))["days"]
    assert [(day["total"], day["completed"]) for day in days] == [(3, 2), (2, 1)]


def test_the_cleanup_deletes_what_is_kept_no_longer(world: World) -> None:
    old, recent, open_one = world.add(completed=True), world.add(), world.add()
    world.change(recent, NOW + timedelta(days=300), completed=True)
    world.add(NOW - timedelta(days=1), deadline=NOW - timedelta(days=2))
    world.chores.count_days(None, NOW)
    world.run(export_store.order("old", world.owner, "json"))
    write_export("old", world.database, world.settings, lambda *_: None)
    assert world.chores.clean_up(NOW)["tasks"] == 0
    generation = world.generation()
    world.table.rows("UPDATE todos.exports SET created_at = %s", NOW)
    found = world.chores.clean_up(NOW + timedelta(days=366))
    assert found == {"tasks": 1, "exports": 1, "notices": 1, "bulk_runs": 0, "days": 0}
    assert world.generation() != generation
    left = world.table.rows("SELECT id FROM todos.tasks WHERE owner = %s ORDER BY id", world.owner)
    assert old.id not in [row["id"] for row in left]
    assert [row["id"] for row in left][:2] == [recent.id, open_one.id]
    assert world.table.rows("SELECT part FROM todos.export_parts") == []
    assert world.chores.clean_up(NOW + timedelta(days=500))["days"] == 1


def file_of(world: World, export_id: str) -> bytes:
    parts: list[bytes] = []
    for number in itertools.count():
        data = world.run(export_store.part(export_id, number))
        if data is None:
            return b"".join(parts)
        assert len(data) <= world.settings.part_bytes
        parts.append(data)
    raise AssertionError


@pytest.mark.parametrize("export_format", ["json", "csv"])
def test_an_export_holds_every_todo_in_parts(world: World, export_format: str) -> None:
    rows = [world.add(title=f'Zażółć "{number}",\n=1+1', description="x" * number) for number in range(8)]
    World(world.database, world.table).add(title="not mine")
    world.run(export_store.order("e1", world.owner, export_format))
    reports: list[tuple[int, int]] = []
    done = write_export("e1", world.database, world.settings, lambda *at: reports.append(at))
    assert reports == [(0, 8), (3, 8), (6, 8), (8, 8)]
    data = file_of(world, "e1")
    assert (done.rows, done.bytes) == (8, len(data))
    text = data.decode()
    found = (
        json.loads(text) if export_format == "json" else list(csv.DictReader(io.StringIO(text, newline="")))
    )
    assert [(str(row["id"]), row["title"]) for row in found] == [(str(row.id), row.title) for row in rows]
    # A second run of the job leaves the file as it is.
    world.add()
    assert write_export("e1", world.database, world.settings, lambda *_: None) == done
    assert file_of(world, "e1") == data


@pytest.mark.parametrize(("export_format", "empty"), [("json", b"[]\n"), ("csv", b"id,title,")])
def test_an_export_of_nothing_is_a_file(world: World, export_format: str, empty: bytes) -> None:
    world.run(export_store.order("e1", world.owner, export_format))
    assert write_export("e1", world.database, world.settings, lambda *_: None).rows == 0
    assert file_of(world, "e1").startswith(empty)


def test_an_export_that_is_killed_leaves_nothing_and_starts_anew(world: World) -> None:
    for _ in range(5):
        world.add()
    world.run(export_store.order("e1", world.owner, "json"))

    def die(current: int, _: int) -> None:
        if current:
            raise SystemExit

    with pytest.raises(SystemExit):
        write_export("e1", world.database, world.settings, die)
    assert file_of(world, "e1") == b""
    write_export("e1", world.database, world.settings, lambda *_: None)
    assert len(json.loads(file_of(world, "e1"))) == 5


def test_an_export_that_nobody_ordered_is_no_export(world: World) -> None:
    with pytest.raises(NoExport):
        write_export("nope", world.database, world.settings, lambda *_: None)


class Bulk:
    """Runs one bulk update, again and again if need be."""

    def __init__(self, world: World, ids: Sequence[int], **fields: Any) -> None:
        self._world = world
        world.run(chore_store.order_run("run-1", world.owner, sorted(ids), fields))
        self.reports: list[tuple[int, int]] = []
        self.changes: list[int] = []
        #: Dies at this report, counted from 0.
        self.dies_at: int | None = None

    def run(self) -> Progress:
        return update_many("run-1", self._world.database, 3, self._report)

    def _report(self, progress: Progress, total: int, done: Sequence[Change]) -> None:
        if self.dies_at is not None and len(self.reports) == self.dies_at:
            self.dies_at = None
            raise SystemExit
        self.reports.append((progress.done, total))
        self.changes += [change.after.id for change in done if change.after is not None]


def test_a_bulk_update_goes_on_where_it_was_killed(world: World) -> None:
    rows = [world.add() for _ in range(8)]
    theirs = World(world.database, world.table).add()
    bulk = Bulk(world, [*(row.id for row in rows), theirs.id], completed=True)
    bulk.dies_at = 1
    with pytest.raises(SystemExit):
        bulk.run()
    # Its second batch was committed; somebody changes a to-do of the first one meanwhile.
    world.change(rows[0], completed=False)
    assert bulk.run() == Progress(9, 8)
    assert bulk.reports == [(3, 9), (9, 9)]
    assert bulk.changes == [row.id for row in [*rows[:3], *rows[6:]]]
    states = world.table.rows("SELECT completed FROM todos.tasks WHERE owner = %s ORDER BY id", world.owner)
    assert [row["completed"] for row in states] == [False, *[True] * 7]
    untouched = world.table.rows("SELECT completed FROM todos.tasks WHERE id = %s", theirs.id)
    assert untouched == [{"completed": False}]
    # And a third run changes nothing.
    world.change(rows[7], completed=False)
    assert bulk.run() == Progress(9, 8)
    assert not world.table.rows("SELECT completed FROM todos.tasks WHERE id = %s", rows[7].id)[0]["completed"]


def test_a_bulk_update_that_nobody_ordered_is_none(world: World) -> None:
    with pytest.raises(chore_store.NoRun):
        update_many("nope", world.database, 3, lambda *_: None)


def test_a_deadlock_cannot_be_between_two_writers_of_an_owner(world: World) -> None:
    one, two = world.add(), world.add()
    with psycopg.connect(world.database.database_url.get_secret_value()) as first:
        first.execute("SELECT generation FROM todos.owners WHERE owner = %s FOR UPDATE", [world.owner])
        first.execute("UPDATE todos.tasks SET title = 'a' WHERE id = %s", [two.id])
        waiting = world.database.model_copy(update={"task_statement_seconds": 0.3})
        with pytest.raises(psycopg.errors.QueryCanceled):
            run(waiting, "tests", store.change(world.owner, one.id, {"title": "b"}))
    assert world.change(one, title="b").after is not None
