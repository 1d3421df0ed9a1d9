"""The mailroom as a user has it: API, worker, beat and the local mail server as processes, every call over HTTP."""

from __future__ import annotations

import io
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from pypdf import PdfReader

from tests.promises.world import FAST
from tests.support.databases import Databases
from tests.support.mail_server import MailServer, mail_server
from tests.support.processes import Door, Doors
from windrow.cli.migrate import main as migrate
from windrow.dev.guard import Guard
from windrow.dev.ports import free_port
from windrow.dev.redis_server import RedisServer

SECONDS = 60.0
MIB = 1024 * 1024


class Mailroom:
    """Doors, a mail server, and short words."""

    def __init__(self, doors: Doors, server: MailServer, url: str, database_url: str) -> None:
        self.doors = doors
        self.server = server
        self.database_url = database_url
        self.client = httpx.Client(base_url=url, timeout=30, trust_env=False)
        self.worker: Door | None = None

    def start_worker(self) -> None:
        self.worker = self.doors.start("worker", "-c", "2", timeout=SECONDS)

    def post(self, path: str, body: Any) -> str:
        """The id of a job that must be accepted."""
        answer = self.client.post(path, json=body)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["task_id"])

    def state(self, task_id: str) -> dict[str, Any]:
        answer = self.client.get(f"/tasks/{task_id}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def until(self, met: Callable[[], Any]) -> None:
        deadline = time.monotonic() + SECONDS
        while not met():
            assert time.monotonic() < deadline, [door.log()[-3000:] for door in self.doors.started()]
            time.sleep(0.05)

    def result(self, task_id: str) -> Any:
        """What the job returned, once it has."""
        self.until(lambda: self.state(task_id)["status"] in ("SUCCESS", "FAILURE"))
        state = self.state(task_id)
        assert state["status"] == "SUCCESS", state
        return state["result"]

    def kept(self) -> tuple[int, int]:
        """Jobs and uploads."""
        with psycopg.connect(self.database_url) as connection:
            row = connection.execute(
                "SELECT (SELECT count(*) FROM windrow.jobs), (SELECT count(*) FROM mailroom.uploads)"
            ).fetchone()
        assert row is not None
        return row[0], row[1]


@pytest.fixture(scope="module")
def mailroom(
    databases: Databases,
    redis_server: RedisServer,
    guard: Guard,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Mailroom]:
    folder: Path = tmp_path_factory.mktemp("mailroom")
    database_url = databases.create()
    with mail_server() as server:
        port = free_port()
        env = {
            **FAST,
            # A worker taken for dead sends its mail a second time.
            "WINDROW_LEASE_SECONDS": "15",
            "WINDROW_APPS": "mailroom,todos",
            "WINDROW_DATABASE_URL": database_url,
            "WINDROW_REDIS_URL": f"{redis_server.url.rpartition('/')[0]}/7",
            "WINDROW_API_PORT": str(port),
            "WINDROW_SMTP_HOST": "127.0.0.1",
            "WINDROW_SMTP_PORT": str(server.port),
            "WINDROW_SMTP_SECURITY": "none",
            "WINDROW_MAILROOM_REPORT_EMAIL": "boss@example.com",
            "WINDROW_NOTICES_EMAIL": "ops@example.com",
            "TMPDIR": str(folder),
        }
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("WINDROW_DATABASE_URL", database_url)
            patch.setenv("WINDROW_APPS", env["WINDROW_APPS"])
            assert migrate(["--wait", "10"]) == 0
        doors = Doors(guard, env)
        made = Mailroom(doors, server, f"http://127.0.0.1:{port}", database_url)
        try:
            made.worker = doors.start("worker", "-c", "2", ready="")
            doors.start("beat", f"--pidfile={folder / 'beat.pid'}", ready="")
            doors.start("api", timeout=SECONDS)
            made.worker.expect(r"\bready\b", SECONDS)
            made.until(lambda: made.client.get("/health").json().get("status") == "healthy")
            yield made
        finally:
            made.client.close()
            doors.close()
    databases.drop(database_url)


def mail() -> dict[str, str]:
    return {"email": "ann@example.com", "subject": uuid4().hex, "body": "Hello."}


def test_a_mail_goes_out_once_however_often_it_is_asked_for(mailroom: Mailroom) -> None:
    wish = mail()
    first = mailroom.result(mailroom.post("/tasks/email", wish))
    second = mailroom.result(mailroom.post("/tasks/email", wish))
    assert (first["status"], second["status"]) == ("sent", "already_sent")
    (arrived,) = mailroom.server.with_subject(wish["subject"])
    assert arrived["Message-ID"] == second["message_id"]


def test_a_mail_that_is_asked_for_many_times_at_once_goes_out_once(mailroom: Mailroom) -> None:
    wish = mail()
    tasks = [mailroom.post("/tasks/email", wish) for _ in range(4)]
    found = [mailroom.result(task)["status"] for task in tasks]
    assert sorted(found) == ["already_sent"] * 3 + ["sent"]
    assert len(mailroom.server.with_subject(wish["subject"])) == 1


def test_a_mail_that_waits_is_listed_and_can_be_cancelled(mailroom: Mailroom) -> None:
    eta = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    task = mailroom.post("/tasks/email", {**mail(), "eta": eta})
    assert mailroom.state(task)["status"] == "PENDING"
    scheduled = mailroom.client.get("/tasks/active/list").json()["scheduled"]["ledger"]
    assert task in [each["request"]["id"] for each in scheduled]
    cancelled = mailroom.client.delete(f"/tasks/{task}")
    assert (cancelled.status_code, cancelled.json()["previous_status"]) == (200, "PENDING")
    again = mailroom.client.delete(f"/tasks/{task}")
    assert (again.status_code, again.json()["detail"]) == (400, "Cannot cancel task in status: REVOKED")


def test_a_mail_whose_server_says_later_is_shown_as_retry_and_can_be_cancelled(mailroom: Mailroom) -> None:
    mailroom.server.rcpt_answers.append("450 greylisted")
    task = mailroom.post("/tasks/email", mail())
    mailroom.until(lambda: mailroom.state(task)["status"] == "RETRY")
    assert "450 greylisted" in mailroom.state(task)["error"]
    cancelled = mailroom.client.delete(f"/tasks/{task}")
    assert (cancelled.status_code, cancelled.json()["previous_status"]) == (200, "RETRY")


def test_a_mail_that_fails_for_good_is_told_to_the_operator(mailroom: Mailroom) -> None:
    mailroom.server.rcpt_answers.append("550 no such user")
    task = mailroom.post("/tasks/email", mail())
    mailroom.until(lambda: mailroom.state(task)["status"] == "FAILURE")
    assert "550 no such user" in mailroom.state(task)["error"]
    subject = "[windrow] mailroom.send_email failed"
    mailroom.until(lambda: [m for m in mailroom.server.with_subject(subject) if task in m.get_content()])


def test_uploads_are_processed_and_too_large_ones_refused(mailroom: Mailroom) -> None:
    rows = b"".join(b"%d,%d,%s\n" % (n, n % 10, b"x" * 40) for n in range(60_000))
    content = b"n,digit,text\n" + rows
    assert len(content) > 2 * MIB
    answer = mailroom.client.post("/tasks/process", files={"file": ("big.csv", content)})
    found = mailroom.result(answer.json()["task_id"])
    assert (found["records"], found["bytes"]) == (60_000, len(content))
    assert found["columns"][1]["distinct"] == 10
    before = mailroom.kept()
    refused = mailroom.client.post("/tasks/process", files={"file": ("big.csv", b"x" * 33 * MIB)})
    assert refused.status_code == 413
    chunked = mailroom.client.post(
        "/tasks/process",
        content=(b"x" * MIB for _ in range(33)),
        headers={"Content-Type": "application/json"},
    )
    assert chunked.status_code == 413
    assert mailroom.kept() == before


def test_the_ledgers_own_jobs_and_inline_records_are_processed(mailroom: Mailroom) -> None:
    body = {"data": {"records": 1000}, "description": "all of them"}
    found = mailroom.result(mailroom.post("/tasks/process", body))
    assert found["description"] == "all of them"
    assert "task" in [column["name"] for column in found["columns"]]
    inline = mailroom.result(mailroom.post("/tasks/process", {"data": {"records": [{"a": 1}, {"a": 3}]}}))
    assert inline["columns"][0]["numeric"]["mean"] == 2


def test_a_daily_report_is_a_chord_whose_pdf_is_served_and_mailed(mailroom: Mailroom) -> None:
    day = datetime.now(UTC).date().isoformat()
    email = f"{uuid4().hex}@example.com"
    task = mailroom.post("/tasks/report", {"report_type": "daily", "params": {"day": day, "email": email}})
    found = mailroom.result(task)
    assert found["report_url"] == f"/reports/{task}.pdf"
    served = mailroom.client.get(found["report_url"])
    assert (served.status_code, served.headers["Content-Type"]) == (200, "application/pdf")
    assert len(served.content) == found["bytes"]
    reader = PdfReader(io.BytesIO(served.content))
    assert len(reader.pages) == found["pages"]
    text = "".join(page.extract_text() for page in reader.pages)
    for part in ("Daily report", day, "Ended jobs by hour", "mailroom.send_email", "To-dos", "Overdue"):
        assert part in text
    # Its pictures: a pie is of curves, bars are filled rectangles.
    drawn = "".join(page.get_contents().get_data().decode("latin-1") for page in reader.pages)  # type: ignore[union-attr]
    assert len(re.findall(r"\sc\s", drawn)) >= 4
    assert len(re.findall(r"\sre\s", drawn)) >= 2
    arrived = [mail for mail in mailroom.server.mails if mail["To"] == email]
    assert len(arrived) == 1
    (attached,) = arrived[0].iter_attachments()
    assert attached.get_payload(decode=True) == served.content
    with psycopg.connect(mailroom.database_url) as connection:
        parts = connection.execute(
            "SELECT task, count(*) FROM windrow.jobs WHERE root_id = %s GROUP BY task", [task]
        ).fetchall()
    counts = {row[0]: row[1] for row in parts}
    assert (counts["mailroom.report_section"], counts["mailroom.build_report"]) == (5, 1)


def test_the_report_of_each_morning_is_that_of_yesterday_and_mailed_to_the_operator(
    mailroom: Mailroom,
) -> None:
    due = {"report_type": "daily", "params": {}, "scheduled": True}
    job = mailroom.client.post("/v1/jobs", json={"task": "mailroom.report", "input": due}).json()["id"]
    yesterday = (datetime.now(UTC).date() - timedelta(days=1)).isoformat()
    assert mailroom.result(job)["to"] == yesterday
    (arrived,) = mailroom.server.with_subject(f"Daily report, {yesterday}")
    assert arrived["To"] == "boss@example.com"


@pytest.mark.parametrize(
    ("report_type", "params"),
    [
        ("monthly", {"sections": ["jobs", "mails"]}),
        ("custom", {"from": "2026-01-01", "to": "2026-03-31", "sections": ["tasks"]}),
    ],
)
def test_reports_of_other_periods_are_made(
    mailroom: Mailroom, report_type: str, params: dict[str, Any]
) -> None:
    found = mailroom.result(mailroom.post("/tasks/report", {"report_type": report_type, "params": params}))
    assert mailroom.client.get(found["report_url"]).status_code == 200


def test_beat_knows_the_schedules(mailroom: Mailroom) -> None:
    def specs() -> dict[str, tuple[str, str]]:
        with psycopg.connect(mailroom.database_url) as connection:
            rows = connection.execute("SELECT id, spec, input FROM windrow.schedules WHERE error IS NULL")
            return {row[0]: (row[1], row[2]) for row in rows.fetchall()}

    mailroom.until(lambda: {"mailroom.cleanup", "mailroom.daily-report"} <= set(specs()))
    assert specs()["mailroom.cleanup"][0] == "5 * * * *"
    spec, text = specs()["mailroom.daily-report"]
    assert spec == "0 9 * * *"
    assert json.loads(text)[1]["scheduled"] is True


def test_bad_input_is_a_problem_and_nothing_is_kept(mailroom: Mailroom) -> None:
    before = mailroom.kept()
    for path, body, status in [
        ("/tasks/email", {**mail(), "email": "nobody"}, 422),
        ("/tasks/email", {**mail(), "eta": "2026-12-02T09:00:00"}, 422),
        ("/tasks/report", {"report_type": "yearly"}, 422),
        ("/tasks/process", {"data": {"records": -1}}, 422),
        ("/tasks/process", {"data": {"records": 100_001}}, 422),
        ("/tasks/process", {"data": {"url": "http://169.254.169.254/"}}, 422),
        ("/tasks/process", {"data": {"content": "a\n1\n"}, "unknown": 1}, 422),
    ]:
        answer = mailroom.client.post(path, json=body)
        assert answer.status_code == status, answer.text
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["errors"][0]["message"]
    assert mailroom.client.post("/tasks/email").status_code == 422
    for method in ("GET", "DELETE"):
        assert mailroom.client.request(method, f"/tasks/{uuid4()}").status_code == 404
        assert mailroom.client.request(method, "/tasks/no-id").status_code == 422
    assert mailroom.client.get(f"/reports/{uuid4()}.pdf").status_code == 404
    assert mailroom.kept() == before


@pytest.mark.timeout(150)
def test_the_mails_of_a_killed_worker_are_sent_by_the_next_one(mailroom: Mailroom) -> None:
    server, worker = mailroom.server, mailroom.worker
    assert worker is not None
    # It dies while the server thinks about both of them: it has nothing of the one, and the whole of the other.
    killed, early, late = threading.Event(), mail(), mail()
    server.before_rcpt = lambda: killed.wait(SECONDS)
    first = mailroom.post("/tasks/email", early)
    mailroom.until(lambda: server.waiting == 1)
    server.before_rcpt = None

    def kill() -> None:
        worker.kill()
        killed.set()

    server.before_answer = kill
    second = mailroom.post("/tasks/email", late)
    assert worker.wait(SECONDS)
    server.before_answer = None
    mailroom.start_worker()
    for task, wish, copies in ((first, early, 1), (second, late, 2)):
        result = mailroom.result(task)
        assert result["tries"] == 2
        arrived = server.with_subject(wish["subject"])
        assert [each["Message-ID"] for each in arrived] == [result["message_id"]] * copies
