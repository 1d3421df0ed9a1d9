"""The parse routes: what they answer for each state, and what they refuse."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from tests.support.kept_jobs import JOB as PLAIN
from tests.support.kept_jobs import KeptJobs, Submitted
from windrow.apps import Job, Jobs, State
from windrow_apps.parse.routes import router

ID = "0198d2c0-0000-7000-8000-000000000001"
JOB = replace(PLAIN, id=ID, task="parse.pages")
PROGRESS = json.dumps({"current": 7, "total": 9})
ERROR = json.dumps({"cls": "SourceUnavailable", "message": "nobody there", "module": "m"})


class OneJob(KeptJobs):
    """Every submission is the same job."""

    async def submit(
        self,
        task: str,
        *,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        job_id: str | None = None,
        **options: Any,
    ) -> Job:
        self.submitted.append(Submitted(ID, task, args, kwargs or {}, options))
        return self.kept.setdefault(ID, JOB)


@dataclass
class Client:
    """Asks the application without a socket."""

    app: FastAPI

    def get(self, path: str) -> httpx.Response:
        return asyncio.run(self._ask("GET", path))

    def post(self, path: str) -> httpx.Response:
        return asyncio.run(self._ask("POST", path))

    def delete(self, path: str) -> httpx.Response:
        return asyncio.run(self._ask("DELETE", path))

    async def _ask(self, method: str, path: str) -> httpx.Response:
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as client:
            return await client.request(method, path)


@pytest.fixture
def jobs() -> OneJob:
    return OneJob()


@pytest.fixture
def client(jobs: OneJob, monkeypatch: pytest.MonkeyPatch) -> Client:
    monkeypatch.setenv("WINDROW_PARSE_MAX_PAGES", "1000")
    monkeypatch.setenv("WINDROW_MAILROOM_RECIPIENT_DOMAINS", "example.org")
    app = FastAPI()
    platform: Jobs = jobs
    app.include_router(router(platform))
    return Client(app)


def test_a_parse_is_queued_and_says_so(client: Client, jobs: OneJob) -> None:
    answer = client.post("/parse?start_id=1&end_id=100")
    assert answer.status_code == 202
    assert answer.json() == {
        "task_id": ID,
        "status": "Task started",
        "message": "Parsing task has been queued",
    }
    assert answer.headers["Location"] == f"/parse/status/{ID}"
    assert [(job.task, job.kwargs) for job in jobs.submitted] == [
        ("parse.pages", {"start_id": 1, "end_id": 100})
    ]


@pytest.mark.parametrize(
    ("query", "field_name", "reason"),
    [
        ("start_id=5&end_id=4", "end_id", "must not be less than start_id (5)"),
        ("start_id=0&end_id=4", "start_id", "greater than or equal to 1"),
        ("start_id=-1&end_id=4", "start_id", "greater than or equal to 1"),
        ("start_id=1&end_id=1001", "end_id", "1001 pages are too many for one job: at most 1000"),
        ("start_id=1&end_id=99999999999999999999", "end_id", "less than or equal to"),
        ("start_id=one&end_id=4", "start_id", "valid integer"),
        ("start_id=1.5&end_id=4", "start_id", "valid integer"),
        ("start_id=1", "end_id", "Field required"),
        ("", "start_id", "Field required"),
    ],
)
def test_a_range_that_cannot_be_is_refused_with_field_and_reason(
    client: Client, jobs: OneJob, query: str, field_name: str, reason: str
) -> None:
    answer = client.post(f"/parse?{query}")
    assert answer.status_code == 422
    problem = answer.json()["detail"][0]
    assert problem["loc"] == ["query", field_name]
    assert reason in problem["msg"]
    assert jobs.submitted == []


def test_the_largest_range_is_accepted(client: Client) -> None:
    assert client.post("/parse?start_id=1&end_id=1000").status_code == 202


@pytest.mark.parametrize(
    ("job", "state", "more"),
    [
        (JOB, "PENDING", {}),
        (replace(JOB, state=State.RUNNING), "STARTED", {}),
        (
            replace(JOB, state=State.RUNNING, progress_state="PROGRESS", progress_text=PROGRESS),
            "PROGRESS",
            {"current": 7, "total": 9},
        ),
        (
            replace(JOB, state=State.SUCCEEDED, result_text='{"pages": 9}'),
            "SUCCESS",
            {"result": {"pages": 9}},
        ),
        (
            replace(JOB, state=State.FAILED, error_text=ERROR),
            "FAILURE",
            {"error": "SourceUnavailable: nobody there"},
        ),
        (
            replace(JOB, state=State.RETRYING, error_text=ERROR),
            "RETRY",
            {"error": "SourceUnavailable: nobody there"},
        ),
        (replace(JOB, state=State.CANCELLED), "REVOKED", {}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_state_has_its_name_its_words_and_what_belongs_to_it(
    client: Client, jobs: OneJob, job: Job, state: str, more: dict[str, Any]
) -> None:
    jobs.kept[ID] = job
    answer = client.get(f"/parse/status/{ID}")
    assert answer.status_code == 200
    body = answer.json()
    assert body.pop("state") == state
    assert body.pop("status")
    assert body == more


@pytest.mark.parametrize("task_id", ["no-such-job", ID, "%00", "a" * 100])
def test_an_unknown_id_is_404_with_the_same_keys(client: Client, task_id: str) -> None:
    answer = client.get(f"/parse/status/{task_id}")
    assert answer.status_code == 404
    assert set(answer.json()) == {"state", "status"}
    assert answer.json()["state"] == "UNKNOWN"


def test_another_apps_job_is_not_shown(client: Client, jobs: OneJob) -> None:
    jobs.kept[ID] = replace(JOB, task="payroll.run", state=State.SUCCEEDED, result_text='"secret"')
    answer = client.get(f"/parse/status/{ID}")
    assert answer.status_code == 404
    assert "secret" not in answer.text


def test_who_asks_may_say_how_often_to_try_and_whom_to_tell(client: Client, jobs: OneJob) -> None:
    query = "start_id=1&end_id=2&retries=0&notify_email=Ann@example.org&notify_webhook=https://hooks.example.org/x"
    assert client.post(f"/parse?{query}").status_code == 202
    assert jobs.submitted[-1].kwargs == {
        "start_id": 1,
        "end_id": 2,
        "retries": 0,
        "notify_email": "Ann@example.org",
        "notify_webhook": "https://hooks.example.org/x",
    }


@pytest.mark.parametrize(
    ("query", "field_name"),
    [
        ("retries=-1", "retries"),
        ("retries=11", "retries"),
        ("notify_email=nobody", "notify_email"),
        ("notify_email=ann@example.net", "notify_email"),
        ("notify_webhook=ftp://example.org", "notify_webhook"),
        ("notify_webhook=http://127.0.0.1:6379/", "notify_webhook"),
        ("notify_webhook=http://localhost/", "notify_webhook"),
    ],
)
def test_a_wish_that_cannot_be_is_refused(client: Client, jobs: OneJob, query: str, field_name: str) -> None:
    answer = client.post(f"/parse?start_id=1&end_id=2&{query}")
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["query", field_name]
    assert jobs.submitted == []


@pytest.mark.parametrize(
    ("state", "status", "word", "message"),
    [
        (State.QUEUED, 200, "Task cancelled", "It had not started; no page was read"),
        (
            State.RUNNING,
            200,
            "Task is being cancelled",
            "It stops within seconds; the pages that it has recorded stay",
        ),
        (State.SUCCEEDED, 409, "Task has ended", "Nothing to cancel: it has succeeded"),
        (State.CANCELLED, 409, "Task has ended", "Nothing to cancel: it has been cancelled"),
    ],
)
def test_a_cancel_says_what_it_did(
    client: Client, jobs: OneJob, state: State, status: int, word: str, message: str
) -> None:
    jobs.kept[ID] = replace(JOB, state=state)
    answer = client.delete(f"/parse/{ID}")
    assert answer.status_code == status
    assert answer.json() == {"task_id": ID, "status": word, "message": message}


def test_only_a_parse_job_can_be_cancelled_here(client: Client, jobs: OneJob) -> None:
    assert client.delete("/parse/nope").status_code == 404
    jobs.kept[ID] = replace(JOB, task="payroll.run")
    assert client.delete(f"/parse/{ID}").json()["state"] == "UNKNOWN"
    assert jobs.kept[ID].state is State.QUEUED
