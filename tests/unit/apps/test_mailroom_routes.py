"""The mailroom's routes: what they answer for each state, and what they refuse without keeping anything."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI, Request, Response
from starlette.middleware.base import RequestResponseEndpoint

from tests.support.kept_jobs import KeptJobs
from windrow.apps import Jobs, State
from windrow_apps.mailroom import routes
from windrow_apps.mailroom.app import SPEC
from windrow_apps.mailroom.routes import router
from windrow_apps.shared.owner_tags import caller_tag, job_tags

ID = "0198d2c0-0000-7000-8000-000000000001"
MAIL = {"email": "ann@example.com", "subject": "Hello", "body": "A mail."}


class FakeStore:
    """Uploads in memory."""

    def __init__(self) -> None:
        self.uploads: dict[UUID, bytes] = {}
        self.full = False

    def uploaded_bytes(self) -> int:
        return 2**40 if self.full else 0

    def save_upload(self, upload_id: UUID, pieces: Iterable[bytes]) -> int:
        self.uploads[upload_id] = b"".join(pieces)
        return len(self.uploads[upload_id])

    def drop_upload(self, upload_id: UUID) -> None:
        del self.uploads[upload_id]


class World:
    """The routes over jobs and uploads in memory, without a socket."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.jobs = KeptJobs()
        self.store = FakeStore()
        monkeypatch.setattr(routes, "MailroomStore", lambda _: self.store)
        platform: Jobs = self.jobs
        self._app = FastAPI()
        self._app.include_router(router(platform))
        #: The key that requests show; None: the routes are open.
        self.key: str | None = None

        @self._app.middleware("http")
        async def known(request: Request, further: RequestResponseEndpoint) -> Response:
            request.state.windrow_caller = self.key
            return await further(request)

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as client:
                return await client.request(method, path, **more)

        return asyncio.run(asked())

    def post(self, path: str, body: Any) -> httpx.Response:
        return self.ask("POST", path, json=body)

    def accepted(self, answer: httpx.Response) -> tuple[str, dict[str, Any], dict[str, Any]]:
        """Task, arguments and options of the one job that this answer tells of."""
        assert answer.status_code == 202, answer.text
        body = answer.json()
        assert set(body) == {"task_id", "status", "message"}
        assert body["status"] == "queued"
        assert answer.headers["Location"] == f"/tasks/{body['task_id']}"
        assert [job.id for job in self.jobs.submitted] == [body["task_id"]]
        job = self.jobs.submitted[0]
        return job.task, dict(job.kwargs), dict(job.options)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def test_a_mail_is_queued_before_everything_else(world: World) -> None:
    task, kwargs, options = world.accepted(world.post("/tasks/email", MAIL))
    assert (task, kwargs) == ("mailroom.send_email", MAIL)
    assert options["priority"] == 9


def test_a_mail_may_wait_for_its_moment(world: World) -> None:
    eta = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=2)
    _, _, options = world.accepted(
        world.post("/tasks/email", {**MAIL, "eta": eta.isoformat(), "priority": 2})
    )
    assert (options["run_at"], options["priority"]) == (eta, 2)


def test_a_countdown_is_a_delay(world: World) -> None:
    _, _, options = world.accepted(world.post("/tasks/email", {**MAIL, "countdown": 90}))
    assert options["delay"] == 90


@pytest.mark.parametrize(
    ("change", "where", "reason"),
    [
        ({"email": "ann"}, "email", "must have an @-sign"),
        ({"email": "ann@localhost"}, "email", "should have a period"),
        ({"email": "ann@[10.0.0.7]"}, "email", "not allowed"),
        ({"email": "ann@db.internal"}, "email", "db.internal is not a public domain"),
        ({"email": "a@example.com, b@example.com"}, "email", "invalid characters"),
        ({"email": "a@example.com\nBcc: b@example.com"}, "email", "invalid characters"),
        ({"email": ["a@example.com"]}, "email", "valid string"),
        ({"subject": "Hi\r\nBcc: b@example.com"}, "subject", "one line"),
        ({"subject": "Hi\u2028there"}, "subject", "one line"),
        ({"subject": " "}, "subject", "blank"),
        ({"subject": "x" * 201}, "subject", "at most 200"),
        ({"body": ""}, "body", "at least 1"),
        ({"body": " \n"}, "body", "blank"),
        ({"body": "a\x00b"}, "body", "NUL"),
        ({"body": "x" * 100_001}, "body", "at most 100000"),
        ({"eta": "2026-12-02T09:00:00"}, "eta", "timezone"),
        ({"eta": "tomorrow"}, "eta", "datetime"),
        ({"eta": 1_800_000_000}, "eta", "a moment is text"),
        ({"eta": "2999-01-01T00:00:00Z"}, "eta", "30 days"),
        ({"countdown": -1}, "countdown", "greater than or equal to 0"),
        ({"countdown": 10**9}, "countdown", "less than or equal"),
        ({"countdown": 5, "eta": "2026-01-01T00:00:00Z"}, None, "one of them"),
        ({"priority": 10}, "priority", "less than or equal to 9"),
        ({"priority": "9"}, "priority", "valid integer"),
        ({"cc": "b@example.com"}, "cc", "not permitted"),
    ],
)
def test_a_mail_that_cannot_be_is_refused_with_field_and_reason(
    world: World, change: dict[str, Any], where: str | None, reason: str
) -> None:
    answer = world.post("/tasks/email", {**MAIL, **change})
    assert answer.status_code == 422
    flaw = answer.json()["detail"][0]
    assert flaw["loc"] == (["body"] if where is None else ["body", where])
    assert reason in flaw["msg"]
    assert world.jobs.submitted == []


def test_an_empty_body_is_refused(world: World) -> None:
    for path in ("/tasks/email", "/tasks/report", "/tasks/process"):
        assert world.ask("POST", path).status_code == 422
        assert world.post(path, {}).status_code == 422
    assert world.jobs.submitted == []


def test_mail_goes_only_where_the_setting_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINDROW_MAILROOM_RECIPIENT_DOMAINS", "example.org, example.net")
    world = World(monkeypatch)
    refused = world.post("/tasks/email", MAIL)
    assert (refused.status_code, world.jobs.submitted) == (422, [])
    assert "example.com" in refused.text
    world.accepted(world.post("/tasks/email", {**MAIL, "email": "ann@EXAMPLE.org"}))


@pytest.mark.parametrize(
    ("body", "params"),
    [
        ({"report_type": "daily"}, {}),
        ({"report_type": "daily", "params": {"day": "2026-01-31"}}, {"day": "2026-01-31"}),
        ({"report_type": "daily", "params": {"day": "1970-01-01"}}, {"day": "1970-01-01"}),
        ({"report_type": "daily", "params": {"day": "2999-12-31"}}, {"day": "2999-12-31"}),
        ({"report_type": "monthly", "params": {"month": "2026-02"}}, {"month": "2026-02"}),
        (
            {
                "report_type": "custom",
                "params": {
                    "from": "2026-01-01",
                    "to": "2026-01-31",
                    "sections": ["jobs"],
                    "email": "a@Example.com",
                },
            },
            {"from": "2026-01-01", "to": "2026-01-31", "sections": ["jobs"], "email": "a@example.com"},
        ),
    ],
)
def test_a_report_is_queued_behind_mail(world: World, body: dict[str, Any], params: dict[str, Any]) -> None:
    task, kwargs, options = world.accepted(world.post("/tasks/report", body))
    assert (task, kwargs) == ("mailroom.report", {"report_type": body["report_type"], "params": params})
    assert options["priority"] == 1


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"report_type": "yearly"}, "'daily', 'monthly' or 'custom'"),
        ({"report_type": "custom"}, "wants from and to"),
        ({"report_type": "custom", "params": {"from": "2026-01-01"}}, "wants from and to"),
        (
            {"report_type": "custom", "params": {"from": "2026-02-01", "to": "2026-01-01"}},
            "must not be after",
        ),
        ({"report_type": "custom", "params": {"from": "2020-02-01", "to": "2026-01-01"}}, "366 days"),
        ({"report_type": "custom", "params": {"from": "yesterday", "to": "2026-01-01"}}, "date"),
        ({"report_type": "daily", "params": {"from": "2026-02-01"}}, "takes no from"),
        ({"report_type": "daily", "params": {"first": "2026-02-01"}}, "not permitted"),
        ({"report_type": "daily", "params": {"day": "9999-12-31"}}, "between 1970-01-01 and 2999-12-31"),
        ({"report_type": "daily", "params": {"day": "3000-01-01"}}, "between 1970-01-01"),
        ({"report_type": "daily", "params": {"day": "1969-12-31"}}, "between 1970-01-01"),
        ({"report_type": "daily", "params": {"day": "0001-01-01"}}, "between 1970-01-01"),
        (
            {"report_type": "custom", "params": {"from": "0001-01-01", "to": "2026-01-01"}},
            "between 1970-01-01",
        ),
        (
            {"report_type": "custom", "params": {"from": "2026-01-01", "to": "9999-12-31"}},
            "between 1970-01-01",
        ),
        ({"report_type": "monthly", "params": {"month": "1969-12"}}, "pattern"),
        ({"report_type": "monthly", "params": {"month": "2026-13"}}, "pattern"),
        ({"report_type": "daily", "params": {"sections": ["salaries"]}}, "'jobs', 'tasks'"),
        ({"report_type": "daily", "params": {"sections": []}}, "at least 1"),
        ({"report_type": "daily", "params": {"email": "nobody"}}, "@-sign"),
        ({"report_type": "daily", "params": 7}, "valid dictionary"),
    ],
)
def test_a_report_that_cannot_be_is_refused(world: World, body: dict[str, Any], reason: str) -> None:
    answer = world.post("/tasks/report", body)
    assert answer.status_code == 422
    assert reason in answer.json()["detail"][0]["msg"]
    assert world.jobs.submitted == []


def test_the_ledgers_own_jobs_are_records_without_an_upload(world: World) -> None:
    body = {"data": {"records": 1000}, "description": "Jobs"}
    task, kwargs, options = world.accepted(world.post("/tasks/process", body))
    assert task == "mailroom.process_records"
    assert kwargs == {"source": {"kind": "jobs", "records": 1000}, "description": "Jobs"}
    assert options["priority"] == 4
    assert world.store.uploads == {}


@pytest.mark.parametrize(
    ("data", "kept", "form"),
    [
        ({"records": [{"a": 1}, {"a": "ü"}]}, '{"a": 1}\n{"a": "ü"}\n', "jsonl"),
        ({"content": "a,b\n1,2\n"}, "a,b\n1,2\n", None),
        ({"content": "a,b\n1,2\n", "format": "csv"}, "a,b\n1,2\n", "csv"),
    ],
)
def test_records_that_come_along_are_kept_first(
    world: World, data: dict[str, Any], kept: str, form: str | None
) -> None:
    _, kwargs, _ = world.accepted(world.post("/tasks/process", {"data": data}))
    ((upload_id, content),) = world.store.uploads.items()
    assert kwargs["source"] == {"kind": "upload", "format": form, "id": str(upload_id)}
    assert content.decode() == kept


@pytest.mark.parametrize(
    ("name", "fields", "form"),
    [
        ("a.csv", {}, "csv"),
        ("a.NDJSON", {}, "jsonl"),
        ("a", {}, None),
        ("a.txt", {"format": "jsonl"}, "jsonl"),
    ],
)
def test_a_file_is_kept_as_it_came(world: World, name: str, fields: dict[str, str], form: str | None) -> None:
    content = b"a,b\n1,2\n" * 300_000
    answer = world.ask(
        "POST", "/tasks/process", files={"file": (name, content)}, data={"description": "D", **fields}
    )
    _, kwargs, _ = world.accepted(answer)
    assert list(world.store.uploads.values()) == [content]
    assert (kwargs["source"]["format"], kwargs["description"]) == (form, "D")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"records": -5}, "1 to 100000"),
        ({"records": 0}, "1 to 100000"),
        ({"records": 100_001}, "1 to 100000"),
        ({"records": True}, "a number of jobs, or a list"),
        ({"records": 1.5}, "a number of jobs, or a list"),
        ({"records": "1000"}, "a number of jobs, or a list"),
        ({"records": []}, "each an object"),
        ({"records": [1]}, "each an object"),
        ({"content": ""}, "at least 1"),
        ({"content": " \n "}, "blank"),
        ({"content": "a,b\n"}, "nothing follows the header"),
        ({"content": "a,b"}, "nothing follows the header"),
        ({"content": "a,b\n\n"}, "nothing follows the header"),
        ({"content": "a, a\n1,2\n"}, "names a column twice"),
        ({"content": "a,a\n" + "1,2\n" * 300_000}, "names a column twice"),
        ({"content": ",\n1,2\n"}, "must name its columns"),
        ({"content": '[{"a": 1}]'}, "JSON array"),
        ({"content": "a", "format": "xml"}, "'csv' or 'jsonl'"),
        ({"records": 5, "format": "csv"}, "format belongs to"),
        ({"url": "ftp://example.com/a"}, "http:// or https://"),
        ({"url": "example.com/a"}, "http:// or https://"),
        ({"url": "http:///a"}, "no host"),
        ({"url": "http://ann:secret@example.com/"}, "password"),
        ({"url": "http://example.com:99999/"}, "not a URL"),
        ({"url": "http://localhost:8000/"}, "not a public address"),
        ({"url": "http://127.0.0.1/"}, "not a public address"),
        ({"url": "http://169.254.169.254/latest"}, "not a public address"),
        ({"url": "http://[::1]/"}, "not a public address"),
        ({"url": "http://[::ffff:10.0.0.1]/"}, "not a public address"),
        ({"url": "http://[64:ff9b::a00:1]/"}, "not a public address"),
        ({"url": "http://example.com/" + "a" * 2000}, "at most 2000"),
        ({}, "exactly one of"),
        ({"records": 5, "url": "http://example.com"}, "exactly one of"),
        ({"rows": 5}, "not permitted"),
        (5, "an object"),
    ],
)
def test_data_that_cannot_be_is_refused_and_not_kept(world: World, data: Any, reason: str) -> None:
    answer = world.post("/tasks/process", {"data": data})
    assert answer.status_code == 422, answer.text
    flaw = answer.json()["detail"][0]
    assert flaw["loc"][:2] == ["body", "data"]
    assert reason in flaw["msg"]
    assert (world.jobs.submitted, world.store.uploads) == ([], {})


def test_a_url_is_queued_and_asked_only_later(world: World) -> None:
    _, kwargs, _ = world.accepted(
        world.post("/tasks/process", {"data": {"url": "https://example.com/a.csv"}})
    )
    assert kwargs["source"] == {"kind": "url", "url": "https://example.com/a.csv", "format": None}


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"files": {"file": ("a.csv", b"")}}, 422),
        ({"files": {"file": ("a.csv", b"a,b\n")}}, 422),
        ({"files": {"file": ("a.csv", b"a,a\n1,2\n")}}, 422),
        ({"files": {"data": ("a.csv", b"a\n1\n")}}, 422),
        ({"files": {"file": ("a.csv", b"a\n1\n")}, "data": {"format": "xml"}}, 422),
        ({"files": {"file": ("a.csv", b"a\n1\n")}, "data": {"description": "x" * 1001}}, 422),
        ({"content": b"a,b", "headers": {"Content-Type": "text/csv"}}, 415),
        ({"content": b"nonsense", "headers": {"Content-Type": "multipart/form-data"}}, 400),
        ({"content": b"{", "headers": {"Content-Type": "application/json"}}, 422),
    ],
)
def test_a_form_that_cannot_be_is_refused(world: World, more: dict[str, Any], status: int) -> None:
    assert world.ask("POST", "/tasks/process", **more).status_code == status
    assert (world.jobs.submitted, world.store.uploads) == ([], {})


def test_uploads_have_a_bound_in_all(world: World) -> None:
    world.store.full = True
    refused = world.post("/tasks/process", {"data": {"content": "a\n1\n"}})
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "3600")
    assert (world.jobs.submitted, world.store.uploads) == ([], {})
    assert world.post("/tasks/process", {"data": {"records": 10}}).status_code == 202


def test_more_uploads_than_memory_is_meant_for_are_sent_away(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "UPLOADS", 0)
    crowded = World(monkeypatch)
    big = crowded.post("/tasks/process", {"data": {"content": "a\n" + "1\n" * 600_000}})
    assert (big.status_code, big.headers["Retry-After"]) == (503, "2")
    assert (crowded.jobs.submitted, crowded.store.uploads) == ([], {})
    assert crowded.post("/tasks/process", {"data": {"content": "a\n1\n"}}).status_code == 202


def test_an_upload_whose_job_is_not_accepted_is_forgotten(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: Any, **__: Any) -> Any:
        raise RuntimeError("the ledger is away")

    monkeypatch.setattr(world.jobs, "submit", refuse)
    with pytest.raises(RuntimeError):
        world.post("/tasks/process", {"data": {"content": "a\n1\n"}})
    assert world.store.uploads == {}


ERROR = json.dumps({"cls": "MailRefused", "message": "no such user", "module": "m"})
PROGRESS = {"current": 7, "total": 9, "status": "7 of 9 records"}


@pytest.mark.parametrize(
    ("job", "status", "result", "error"),
    [
        ({}, "PENDING", None, None),
        ({"state": State.SCHEDULED}, "PENDING", None, None),
        ({"state": State.RUNNING}, "STARTED", None, None),
        (
            {"state": State.RUNNING, "progress_state": "PROGRESS", "progress_text": json.dumps(PROGRESS)},
            "PROGRESS",
            PROGRESS,
            None,
        ),
        (
            {"state": State.SUCCEEDED, "result_text": '{"status": "sent"}'},
            "SUCCESS",
            {"status": "sent"},
            None,
        ),
        ({"state": State.FAILED, "error_text": ERROR}, "FAILURE", None, "MailRefused: no such user"),
        ({"state": State.RETRYING, "error_text": ERROR}, "RETRY", None, "MailRefused: no such user"),
        ({"state": State.CANCELLED}, "REVOKED", None, None),
    ],
)
def test_each_state_has_its_celery_name(
    world: World, job: dict[str, Any], status: str, result: Any, error: str | None
) -> None:
    world.jobs.put(ID, task="mailroom.send_email", **job)
    answer = world.ask("GET", f"/tasks/{ID}")
    assert answer.status_code == 200
    assert answer.json() == {"task_id": ID, "status": status, "result": result, "error": error}


@pytest.mark.parametrize(
    ("state", "status", "before"),
    [
        (State.QUEUED, 200, "PENDING"),
        (State.SCHEDULED, 200, "PENDING"),
        (State.CLAIMED, 200, "PENDING"),
        (State.RETRYING, 200, "RETRY"),
        (State.RUNNING, 400, "STARTED"),
        (State.SUCCEEDED, 400, "SUCCESS"),
        (State.FAILED, 400, "FAILURE"),
        (State.CANCELLED, 400, "REVOKED"),
    ],
)
def test_only_what_waits_can_be_cancelled(world: World, state: State, status: int, before: str) -> None:
    world.jobs.put(ID, task="mailroom.report", state=state)
    answer = world.ask("DELETE", f"/tasks/{ID}")
    assert answer.status_code == status
    body = answer.json()
    if status == 200:
        assert set(body) == {"message", "previous_status"}
        assert body["previous_status"] == before
    else:
        assert body["detail"] == f"Cannot cancel task in status: {before}"
        assert world.jobs.kept[ID].state is state


def test_a_running_job_that_reports_is_refused_under_that_name(world: World) -> None:
    world.jobs.put(ID, task="mailroom.process_records", state=State.RUNNING, progress_state="PROGRESS")
    assert "status: PROGRESS" in world.ask("DELETE", f"/tasks/{ID}").json()["detail"]


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_an_unknown_id_and_another_apps_job_are_not_there(world: World, method: str) -> None:
    assert world.ask(method, f"/tasks/{ID}").status_code == 404
    world.jobs.put(ID, task="payroll.run", result="secret", state=State.QUEUED)
    answer = world.ask(method, f"/tasks/{ID}")
    assert answer.status_code == 404
    assert "secret" not in answer.text
    assert world.jobs.kept[ID].state is State.QUEUED


def test_what_workers_hold_is_grouped_as_celery_groups_it(world: World) -> None:
    started = datetime(2026, 1, 1, tzinfo=UTC)
    world.jobs.put("a", task="mailroom.report", state=State.RUNNING, worker="w1", started_at=started)
    world.jobs.put("b", task="mailroom.send_email", state=State.CLAIMED, worker="w1", priority=9)
    world.jobs.put("c", task="mailroom.send_email", state=State.SCHEDULED, run_at=started)
    world.jobs.put("d", task="mailroom.send_email", state=State.QUEUED)
    world.jobs.put("e", task="payroll.run", state=State.RUNNING, worker="w1")
    body = world.ask("GET", "/tasks/active/list").json()
    assert set(body) == {"active", "scheduled", "reserved"}
    assert [each["id"] for each in body["active"]["w1"]] == ["a"]
    assert body["active"]["w1"][0]["time_start"] == started.timestamp()
    assert [(each["id"], each["priority"]) for each in body["reserved"]["w1"]] == [("b", 9)]
    assert [each["request"]["id"] for each in body["scheduled"]["ledger"]] == ["c"]


def test_the_first_page_names_every_endpoint(world: World) -> None:
    body = world.ask("GET", "/").json()
    assert body["message"]
    assert "POST /tasks/email" in body["endpoints"]


def test_only_uploads_may_be_large() -> None:
    assert SPEC.body_bytes == {"/tasks/process": 32 * 1024 * 1024}


@pytest.mark.parametrize("task", ["todos.bulk_update_tasks", "todos.export_user_tasks"])
def test_a_bulk_update_or_export_of_to_dos_is_shown_to_whoever_ordered_it(world: World, task: str) -> None:
    tags = tuple(job_tags(asking(None, "ann"), "demo"))
    world.jobs.put(ID, {"updated": 3, "missing": 0}, task=task, tags=tags, state=State.SUCCEEDED)
    shown = world.ask("GET", f"/tasks/{ID}", headers={"X-User": "ann"})
    assert (shown.status_code, shown.json()["status"]) == (200, "SUCCESS")
    assert shown.json()["result"] == {"updated": 3, "missing": 0}
    assert world.ask("GET", f"/tasks/{ID}").status_code == 404
    assert world.ask("GET", f"/tasks/{ID}", headers={"X-User": "bob"}).status_code == 404
    assert world.ask("DELETE", f"/tasks/{ID}", headers={"X-User": "ann"}).status_code == 404
    # A job of the app with another task, and one without an owner.
    world.jobs.put(ID, task="todos.send_task_reminder", tags=tags)
    assert world.ask("GET", f"/tasks/{ID}", headers={"X-User": "ann"}).status_code == 404
    world.jobs.put(ID, task=task, tags=())
    assert world.ask("GET", f"/tasks/{ID}", headers={"X-User": "ann"}).status_code == 404


SENT = {
    "/tasks/email": MAIL,
    "/tasks/process": {"data": {"records": 10}},
    "/tasks/report": {"report_type": "daily", "params": {}},
}


@pytest.mark.parametrize("path", SENT)
def test_a_key_sees_and_cancels_its_own_jobs_only(world: World, path: str) -> None:
    world.key = "key-1"
    mine = world.post(path, SENT[path]).json()["task_id"]
    world.jobs.put(mine, state=State.SCHEDULED)
    assert world.ask("GET", f"/tasks/{mine}").json()["status"] == "PENDING"
    assert world.ask("GET", "/tasks/active/list").json()["scheduled"]["ledger"][0]["request"]["id"] == mine
    world.key = "key-2"
    assert world.ask("GET", f"/tasks/{mine}").status_code == 404
    assert mine not in world.ask("GET", "/tasks/active/list").text
    assert world.ask("DELETE", f"/tasks/{mine}").status_code == 404
    assert world.jobs.kept[mine].state is State.SCHEDULED
    world.key = "key-1"
    assert world.ask("DELETE", f"/tasks/{mine}").status_code == 200


def test_with_open_routes_everybody_is_the_same_caller(world: World) -> None:
    mine = world.ask("POST", "/tasks/email", json=MAIL, headers={"X-User": "ann"}).json()["task_id"]
    assert world.ask("GET", f"/tasks/{mine}", headers={"X-User": "bob"}).status_code == 200
    assert world.ask("DELETE", f"/tasks/{mine}").status_code == 200


def test_a_header_is_no_key_and_the_default_owner_needs_no_header() -> None:
    for mine in (asking("key-1"), asking("key-1", "ann")):
        assert job_tags(mine, "demo") == [caller_tag(asking("key-1"))]
    for other in (asking("key-2"), asking(None), asking(None, "key-1"), asking("anonymous", "key-1")):
        assert caller_tag(other) not in job_tags(asking("key-1"), "demo")
    for same in (asking(None), asking(None, "demo"), asking("anonymous")):
        for mine in (asking(None), asking(None, "demo")):
            assert caller_tag(same) in job_tags(mine, "demo")
    assert "ann" not in str(job_tags(asking(None, "ann"), "demo"))


def asking(caller: str | None, x_user: str | None = None) -> Request:
    """A request of a key, or of nobody with this header."""
    headers = [] if x_user is None else [(b"x-user", x_user.encode())]
    return Request({"type": "http", "headers": headers, "state": {"windrow_caller": caller}})
