"""Small parts of the todos app: the breaker, export statuses, schedules and settings."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from psycopg import OperationalError
from pydantic import ValidationError

from tests.support.kept_jobs import KeptJobs
from windrow.apps import LedgerUnavailable, State
from windrow.core.coalescer import CoalescerFull
from windrow_apps.shared.database import Database, DatabaseSettings
from windrow_apps.todos.breaker import Breaker
from windrow_apps.todos.export import _csv, _json
from windrow_apps.todos.export_store import Export
from windrow_apps.todos.models import BulkUpdate, NewTodo, TodoChange
from windrow_apps.todos.reminders import follow
from windrow_apps.todos.replies import export_status
from windrow_apps.todos.routes import _will_be_updated
from windrow_apps.todos.rows import blank
from windrow_apps.todos.schedules import schedules
from windrow_apps.todos.settings import settings
from windrow_apps.todos.store import Change

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DONE = Export("e1", "me", "csv", datetime(2026, 1, 1, tzinfo=UTC), 7, 99)
OPEN = Export("e1", "me", "csv", None, 0, 0)
LINK = "/tasks/export-files/e1"


def test_a_breaker_lets_one_try_after_each_pause() -> None:
    now = [0.0]
    breaker = Breaker(5, lambda: now[0])
    assert (breaker.may_try(), breaker.resting, breaker.failed) == (True, False, False)
    breaker.note(answered=False)
    assert (breaker.may_try(), breaker.resting, breaker.failed) == (False, True, True)
    now[0] = 5.0
    assert not breaker.resting
    assert [breaker.may_try() for _ in range(3)] == [True, False, False]
    breaker.note(answered=True)
    assert [breaker.may_try() for _ in range(2)] == [True, True]


@pytest.mark.parametrize(
    "error", [CoalescerFull("full"), OperationalError("deadlock"), LedgerUnavailable("away")]
)
def test_a_reminder_that_cannot_be_submitted_does_not_undo_what_is_committed(error: Exception) -> None:
    class Full(KeptJobs):
        async def submit(self, *_: Any, **__: Any) -> Any:
            raise error

    made = replace(blank("me", NOW), deadline=NOW, remind_at=NOW, reminder_job="r1")
    asyncio.run(follow(Full(), Database(DatabaseSettings(), "tests"), Change(None, made)))


def test_an_export_is_done_once_its_file_is() -> None:
    found = export_status(DONE, None, LINK)
    assert (found.status, found.download_url, found.rows, found.bytes) == ("SUCCESS", LINK, 7, 99)
    running = KeptJobs().put("e1", state=State.RUNNING)
    assert export_status(DONE, running, LINK).status == "SUCCESS"


def test_an_export_on_its_way_says_how_far_it_is() -> None:
    jobs = KeptJobs()
    assert export_status(OPEN, None, LINK).status == "PENDING"
    progress = json.dumps({"current": 3, "total": 7})
    job = jobs.put("e1", state=State.RUNNING, progress_state="PROGRESS", progress_text=progress)
    found = export_status(OPEN, job, LINK)
    assert (found.status, found.current, found.total, found.download_url) == ("PROGRESS", 3, 7, None)
    error = json.dumps({"cls": "ValueError", "message": "no", "module": "m"})
    failed = export_status(OPEN, jobs.put("e2", state=State.FAILED, error_text=error), LINK)
    assert (failed.status, failed.error, failed.download_url) == ("FAILURE", "ValueError: no", None)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_of_a_csv_is_a_formula(start: str) -> None:
    text = start + "HYPERLINK(1)"
    row = replace(blank("me", datetime(2026, 1, 1, tzinfo=UTC)), title=text, description=text)
    (shown,) = csv.DictReader(io.StringIO("".join(_csv([[row]])), newline=""))
    assert (shown["title"], shown["description"], shown["id"]) == (f"'{text}", f"'{text}", "0")
    assert (shown["completed"], shown["timezone"]) == ("false", "UTC")
    (whole,) = json.loads("".join(_json([[row]])))
    assert (whole["title"], whole["description"]) == (text, text)


def test_the_schedules_are_hourly_and_at_two() -> None:
    found = {entry["task"]: entry["schedule"] for entry in schedules().values()}
    assert found["todos.check_overdue_tasks"].minute == {0}
    assert len(found["todos.check_overdue_tasks"].hour) == 24
    assert (found["todos.daily_cleanup"].hour, found["todos.daily_cleanup"].minute) == ({2}, {0})


@pytest.mark.parametrize(
    "title", ["\u200b", " \u200b\u2060\ufeff ", "\u3164", "\u2800\ufe0f", "\u202e\u00ad"]
)
def test_a_title_that_nobody_sees_is_refused(title: str) -> None:
    for body in (NewTodo, TodoChange):
        with pytest.raises(ValidationError, match="visible"):
            body.model_validate({"title": title})


@pytest.mark.parametrize("title", ["a\u200bb", "x", "0", "\u4e70\u725b\u5976", "\U0001f95b\ufe0f"])
def test_a_title_with_anything_to_see_is_taken(title: str) -> None:
    assert NewTodo.model_validate({"title": title}).title == title


@pytest.mark.parametrize(
    "zone",
    ["localtime", "posixrules", "posix/UTC", "Europe/Nowhere", "../UTC", "/etc/localtime", "europe/berlin"],
)
def test_only_names_of_iana_are_zones(zone: str) -> None:
    with pytest.raises(ValidationError, match="IANA"):
        NewTodo.model_validate({"title": "T", "timezone": zone})
    assert NewTodo.model_validate({"title": "T", "timezone": "Europe/Berlin"}).timezone == "Europe/Berlin"


def test_a_change_says_only_what_was_given() -> None:
    assert TodoChange.model_validate({"deadline": None}).changes() == {"deadline": None}
    assert TodoChange.model_validate({"completed": False}).changes() == {"completed": False}


def test_ten_thousand_ids_are_taken_and_one_more_is_not() -> None:
    change = {"completed": True}
    ids = list(range(1, 10_001))
    assert len(BulkUpdate.model_validate({"task_ids": ids, "update_data": change}).task_ids) == 10_000
    with pytest.raises(ValidationError, match="10001"):
        BulkUpdate.model_validate({"task_ids": [*ids, 10_001], "update_data": change})


def test_one_to_do_is_no_plural() -> None:
    assert [_will_be_updated(count) for count in (1, 2, 10_000)] == [
        "1 to-do will be updated",
        "2 to-dos will be updated",
        "10,000 to-dos will be updated",
    ]


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINDROW_TODOS_CACHE_TTL", "60")
    monkeypatch.setenv("WINDROW_REDIS_URL", "redis://:secret@x/0")
    assert settings().cache_ttl == 60
    assert settings().redis_url.get_secret_value() == "redis://:secret@x/0"
    assert "secret" not in repr(settings())
