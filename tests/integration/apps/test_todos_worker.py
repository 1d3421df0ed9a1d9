"""The todos app with a real worker: every call of its tutorial, and the jobs behind a to-do's life."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.integration.api.running import RunningApi
from tests.integration.apps.conftest import Table
from tests.support.processes import Door, Doors
from tests.support.tutorial import check, examples, outputs
from windrow.dev.guard import Guard
from windrow.dev.redis_server import RedisServer

PAGE = Path(__file__).resolve().parents[3] / "docs" / "tutorial" / "todos.md"
SECONDS = 45.0


@pytest.fixture(scope="module")
def worker(todos_api: RunningApi, todos_url: str, redis_server: RedisServer, guard: Guard) -> Iterator[Door]:
    doors = Doors(
        guard,
        {
            "WINDROW_DATABASE_URL": todos_url,
            "WINDROW_REDIS_URL": redis_server.url,
            "WINDROW_APPS": "todos",
            "WINDROW_POOL": "default",
            "WINDROW_TODOS_BATCH": "2",
        },
    )
    yield doors.start("worker", timeout=60)
    doors.close()


def job_ended(api: RunningApi, worker: Door, job_id: str) -> dict[str, Any]:
    def ended() -> bool:
        return bool(
            api.client.get(f"/v1/jobs/{job_id}").json()["state"] in ("succeeded", "failed", "cancelled")
        )

    worker.expect(ended, SECONDS)
    job: dict[str, Any] = api.client.get(f"/v1/jobs/{job_id}").json()
    return job


@pytest.fixture
def until_met(worker: Door) -> Callable[[Callable[[], bool]], None]:
    return lambda met: worker.expect(met, SECONDS)


# First: its ids are those of an empty table.
@pytest.mark.timeout(120)
def test_every_call_of_the_tutorial_answers_as_it_says(todos_api: RunningApi, worker: Door) -> None:
    found = examples(PAGE, "Every call")
    env = {"PATH": os.environ["PATH"], "API": todos_api.url, "no_proxy": "*"}
    printed = outputs(found, env, SECONDS)
    assert sum(bool(example.kind) for example in found) >= 18
    for example, text in zip(found, printed, strict=True):
        check(example, text)


def add(api: RunningApi, **fields: Any) -> int:
    made = api.client.post("/tasks", json={"title": "Buy milk", **fields}, headers={"X-User": "w"})
    assert made.status_code == 201, made.text
    todo_id: int = made.json()["id"]
    return todo_id


def reminder(table: Table, todo_id: int) -> dict[str, Any]:
    found = table.rows(
        "SELECT reminder_job, reminder_kept, remind_at FROM todos.tasks WHERE id = %s", todo_id
    )
    return found[0]


def test_a_reminder_is_a_job_for_its_moment_and_moves_with_the_deadline(
    todos_api: RunningApi, worker: Door, table: Table
) -> None:
    client = todos_api.client
    deadline = datetime(2099, 3, 29, 7, tzinfo=UTC)
    todo = add(todos_api, deadline=deadline.isoformat(), timezone="Europe/Berlin")
    first = reminder(table, todo)
    assert first["reminder_kept"]
    job = client.get(f"/v1/jobs/{first['reminder_job']}").json()
    assert (job["state"], job["task"]) == ("scheduled", "todos.send_task_reminder")
    # Berlin's clock is changed in between: 23 hours.
    assert datetime.fromisoformat(job["run_at"]) == deadline - timedelta(hours=23)
    later = {"deadline": (deadline + timedelta(days=1)).isoformat()}
    client.patch(f"/tasks/{todo}", json=later, headers={"X-User": "w"})
    second = reminder(table, todo)
    assert second["reminder_job"] != first["reminder_job"]
    assert client.get(f"/v1/jobs/{first['reminder_job']}").json()["state"] == "cancelled"
    assert client.get(f"/v1/jobs/{second['reminder_job']}").json()["state"] == "scheduled"
    client.delete(f"/tasks/{todo}", headers={"X-User": "w"})
    assert client.get(f"/v1/jobs/{second['reminder_job']}").json()["state"] == "cancelled"


def test_a_deadline_within_a_day_reminds_at_once(
    todos_api: RunningApi, worker: Door, table: Table, until_met: Callable[[Callable[[], bool]], None]
) -> None:
    # A little more than its moment ahead: the job waits in the ledger until the clock is there, and runs by itself
    # only where beat promotes it, so this one is due already.
    todo = add(todos_api, deadline=(datetime.now(UTC) + timedelta(hours=23)).isoformat())
    until_met(lambda: bool(table.rows("SELECT 1 FROM todos.notices WHERE task_id = %s", todo)))
    found = table.rows("SELECT owner, kind FROM todos.notices WHERE task_id = %s", todo)
    assert found == [{"owner": "w", "kind": "reminder"}]


def test_a_bulk_update_moves_reminders_and_the_hourly_check_doubles_none(
    todos_api: RunningApi, worker: Door, table: Table
) -> None:
    client = todos_api.client
    todos = [add(todos_api, deadline="2099-01-01T00:00:00Z") for _ in range(5)]
    before = [reminder(table, todo)["reminder_job"] for todo in todos]
    body = {"task_ids": todos, "update_data": {"deadline": "2099-02-01T00:00:00Z"}}
    queued = client.post("/tasks/bulk-update", json=body, headers={"X-User": "w"}).json()
    job = job_ended(todos_api, worker, queued["task_id"])
    assert (job["state"], job["result"]) == ("succeeded", {"updated": 5, "missing": 0})
    after = [reminder(table, todo) for todo in todos]
    assert all(row["reminder_kept"] for row in after)
    jobs = client.get("/v1/jobs?task=todos.send_task_reminder&limit=100").json()["jobs"]
    states = {job["id"]: job["state"] for job in jobs}
    assert [states[job_id] for job_id in before] == ["cancelled"] * 5
    assert [states[row["reminder_job"]] for row in after] == ["scheduled"] * 5
    # As if the worker had died before it said that they are kept.
    table.rows(
        "UPDATE todos.tasks SET reminder_kept = false, updated_at = updated_at - interval '1 hour'"
        " WHERE id = ANY(%s)",
        todos,
    )
    checked = client.post("/v1/jobs", json={"task": "todos.check_overdue_tasks"}).json()
    found = job_ended(todos_api, worker, checked["id"])
    assert (found["state"], found["result"]["reminders"]) == ("succeeded", 5)
    again = client.get("/v1/jobs?task=todos.send_task_reminder&limit=100").json()["jobs"]
    assert {job["id"]: job["state"] for job in again} == states


@pytest.mark.parametrize("task", ["process_task_statistics", "daily_cleanup"])
def test_the_scheduled_tasks_run(todos_api: RunningApi, worker: Door, task: str) -> None:
    job = todos_api.client.post("/v1/jobs", json={"task": f"todos.{task}"}).json()
    assert job_ended(todos_api, worker, job["id"])["state"] == "succeeded"
