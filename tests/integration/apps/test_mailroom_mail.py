"""A mail is sent once: to a real SMTP server, by processes that are killed at every point of the send."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest
import trustme

from tests.support.app_tables import with_tables
from tests.support.databases import Databases
from tests.support.mail_server import MailServer, mail_server
from tests.support.processes import _inherited
from windrow_apps.mailroom import mailing
from windrow_apps.mailroom.app import SPEC
from windrow_apps.mailroom.errors import MailInFlight
from windrow_apps.mailroom.mailing import Mail, mail_once
from windrow_apps.mailroom.settings import settings
from windrow_apps.mailroom.store import MailroomStore
from windrow_apps.mailroom.task import MailroomTask
from windrow_apps.mailroom.tasks import send_email
from windrow_apps.shared.smtp import MailRefused, MailTransient, SmtpSettings, compose, send, smtp_settings

#: From here on the server has the whole mail, up to where its yes is recorded.
WINDOW_BEGINS, WINDOW_ENDS = "after body", "before record_sent"


@pytest.fixture(scope="module")
def database(databases: Databases) -> Iterator[str]:
    url = databases.create()
    yield with_tables(url, SPEC)
    databases.drop(url)


@pytest.fixture(scope="module")
def server() -> Iterator[MailServer]:
    with mail_server() as running:
        yield running


@pytest.fixture
def env(database: str, server: MailServer, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    values = _env(database, server)
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return values


def _env(database: str, server: MailServer) -> dict[str, str]:
    return {
        "WINDROW_DATABASE_URL": database,
        "WINDROW_SMTP_HOST": "127.0.0.1",
        "WINDROW_SMTP_PORT": str(server.port),
        "WINDROW_SMTP_SECURITY": "none",
        "WINDROW_SMTP_FROM": "windrow@example.org",
    }


class Victim:
    """Runs sends in processes that die at a point."""

    def __init__(self, env: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.mailroom_victim"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**_inherited(), **env},
        )
        assert self._line() == "victim is ready\n"

    def send(self, job_id: str, kwargs: dict[str, str], die_at: int | None = None) -> dict[str, Any]:
        assert self._process.stdin is not None
        order = {"job_id": job_id, "die_at": die_at, "kwargs": kwargs}
        print(json.dumps(order), file=self._process.stdin, flush=True)
        answer: dict[str, Any] = json.loads(self._line())
        return answer

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


@pytest.fixture(scope="module")
def victim(database: str, server: MailServer) -> Iterator[Victim]:
    running = Victim(_env(database, server))
    yield running
    running.close()


def fresh() -> dict[str, str]:
    """A mail that nobody has sent."""
    return {"email": "ann@example.com", "subject": uuid4().hex, "body": "A mail.\n" * 40}


def test_a_mail_arrives_as_it_was_written(env: dict[str, str], server: MailServer) -> None:
    mail = {**fresh(), "body": "Größe\n.a line with a dot\nFrom here\n", "email": "Ann@Exämple.com"}
    result = send_email.apply(kwargs=mail, task_id="job-1").get()
    (arrived,) = server.with_subject(mail["subject"])
    assert arrived["To"] == "Ann@xn--exmple-cua.com"
    assert arrived["From"] == "windrow@example.org"
    assert arrived["Message-ID"] == result["message_id"]
    assert arrived["Date"]
    assert arrived.get_content().replace("\r\n", "\n") == mail["body"]
    assert (result["status"], result["tries"]) == ("sent", 1)


def test_the_same_mail_within_a_day_is_already_sent_and_a_day_later_a_new_one(
    env: dict[str, str], database: str, server: MailServer
) -> None:
    mail = fresh()
    first = send_email.apply(kwargs=mail, task_id="job-1").get()
    second = send_email.apply(kwargs={**mail, "email": "ANN@example.com"}, task_id="job-2").get()
    assert second == {"status": "already_sent", "email": "ANN@example.com", "message_id": first["message_id"]}
    assert len(server.with_subject(mail["subject"])) == 1
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE mailroom.mails SET sent_at = sent_at - interval '25 hours'")
    assert send_email.apply(kwargs=mail, task_id="job-3").get()["status"] == "sent"
    assert len(server.with_subject(mail["subject"])) == 2


@pytest.mark.timeout(120)
def test_a_worker_that_is_killed_anywhere_sends_once_and_in_the_window_of_smtp_twice_the_same(
    victim: Victim, server: MailServer
) -> None:
    points = victim.send("dry", fresh())["points"]
    assert len(points) >= 24
    window = range(points.index(WINDOW_BEGINS), points.index(WINDOW_ENDS) + 1)
    arrived: dict[str, int] = {}
    for number, point in enumerate(points):
        mail, job_id = fresh(), uuid4().hex
        assert victim.send(job_id, mail, number)["signal"] == 9, point
        again = victim.send(job_id, mail)
        assert again["signal"] == 0
        mails = server.with_subject(mail["subject"])
        assert len({each["Message-ID"] for each in mails}) == 1, point
        expected = "already_sent" if number > window[-1] else "sent"
        assert again["result"]["status"] == expected, point
        assert again["result"]["message_id"] == mails[0]["Message-ID"]
        arrived[f"{number} {point}"] = len(mails)
    twice = [name for name, count in arrived.items() if count == 2]
    assert twice == [f"{number} {points[number]}" for number in window]
    assert all(count == 1 for name, count in arrived.items() if name not in twice)


def test_another_job_leaves_a_mail_to_the_one_that_sends_it_until_that_claim_lapses(
    env: dict[str, str], victim: Victim, server: MailServer, database: str
) -> None:
    mail = fresh()
    points = victim.send("dry", fresh())["points"]
    victim.send("dead", mail, points.index("before body"))
    with pytest.raises(MailInFlight) as refused:
        mail_once(Mail(mail["email"], mail["subject"], mail["body"]), "other", settings(), smtp_settings())
    assert 200 < refused.value.seconds <= 300
    with psycopg.connect(database) as connection:
        connection.execute(
            "UPDATE mailroom.mails SET claim_until = clock_timestamp(), message_id = '<kept@example.org>'"
            " WHERE job_id = 'dead'"
        )
    done = send_email.apply(kwargs=mail, task_id="other").get()
    # Whoever sends it, and however much later: the id is that of the first claim.
    assert done == {**done, "status": "sent", "tries": 2, "message_id": "<kept@example.org>"}
    assert len(server.with_subject(mail["subject"])) == 1


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that each retry was to wait; eager tasks do not wait."""
    seen: list[float] = []
    stock = MailroomTask.retry

    def retry(self: Any, *args: Any, **kwargs: Any) -> Any:
        seen.append(kwargs["countdown"])
        return stock(self, *args, **kwargs)

    monkeypatch.setattr(MailroomTask, "retry", retry)
    return seen


def test_a_server_that_says_later_is_asked_three_times_again(
    env: dict[str, str], server: MailServer, waits: list[float]
) -> None:
    mail = fresh()
    server.data_answers += ["451 busy", "421 going down"]
    server.rcpt_answers += ["450 greylisted"]
    done = send_email.apply(kwargs=mail, task_id="job-1")
    assert (done.state, waits) == ("SUCCESS", [10.0, 20.0, 40.0])
    assert len(server.with_subject(mail["subject"])) == 1


def test_a_server_that_never_agrees_fails_the_mail_and_another_job_may_try(
    env: dict[str, str], server: MailServer, waits: list[float]
) -> None:
    mail = fresh()
    server.data_answers += ["451 busy"] * 4
    done = send_email.apply(kwargs=mail, task_id="job-1")
    assert (done.state, type(done.result)) == ("FAILURE", MailTransient)
    assert "451 busy" in str(done.result)
    assert waits == [10.0, 20.0, 40.0, 80.0]  # the last one only asks whether it may
    assert send_email.apply(kwargs=mail, task_id="job-2").get()["status"] == "sent"


def test_a_connection_that_dies_before_the_yes_is_the_window_too(
    env: dict[str, str], server: MailServer, waits: list[float]
) -> None:
    mail = fresh()
    server.drops = 1
    done = send_email.apply(kwargs=mail, task_id="job-1").get()
    assert (done["tries"], waits) == (2, [10.0])
    arrived = server.with_subject(mail["subject"])
    assert [each["Message-ID"] for each in arrived] == [done["message_id"]] * 2


def test_a_server_that_refuses_for_good_is_asked_once(
    env: dict[str, str], server: MailServer, waits: list[float]
) -> None:
    server.rcpt_answers += ["550 no such user"]
    done = send_email.apply(kwargs=fresh(), task_id="job-1")
    assert (done.state, type(done.result), waits) == ("FAILURE", MailRefused, [])
    assert "550 no such user" in str(done.result)


def test_without_a_server_it_is_tried_again_and_without_the_setting_it_is_not(
    env: dict[str, str], monkeypatch: pytest.MonkeyPatch, waits: list[float]
) -> None:
    monkeypatch.setenv("WINDROW_SMTP_PORT", "1")
    assert isinstance(send_email.apply(kwargs=fresh(), task_id="a").result, MailTransient)
    assert len(waits) == 4
    monkeypatch.setenv("WINDROW_SMTP_HOST", "")
    failed = send_email.apply(kwargs=fresh(), task_id="b").result
    assert isinstance(failed, MailRefused)
    assert "WINDROW_SMTP_HOST is not set" in str(failed)
    assert len(waits) == 4


def test_a_database_that_goes_away_for_a_moment_after_the_yes_makes_no_second_mail(
    env: dict[str, str], server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailing, "RECORD_PAUSE_SECONDS", 0.01)
    stock, failures = MailroomStore.record_sent, [1, 2, 3]

    def record_sent(self: MailroomStore, *args: str) -> None:
        if failures:
            failures.pop()
            raise psycopg.OperationalError("away")
        stock(self, *args)

    monkeypatch.setattr(MailroomStore, "record_sent", record_sent)
    mail = fresh()
    assert send_email.apply(kwargs=mail, task_id="job-1").get()["tries"] == 1
    assert send_email.apply(kwargs=mail, task_id="job-2").get()["status"] == "already_sent"
    assert len(server.with_subject(mail["subject"])) == 1


@pytest.mark.parametrize("email", ["nobody", "a@db.internal", "a@example.com\nBcc: b@example.com"])
def test_a_job_that_came_past_the_route_is_checked_again(env: dict[str, str], email: str) -> None:
    assert send_email.apply(kwargs={**fresh(), "email": email}).state == "FAILURE"


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_the_server_is_met_over_tls_and_knows_who_it_is(security: str, tmp_path: Any) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    how: Any = {security: context}
    with mail_server(password="s3cret" if security == "starttls" else None, **how) as server:
        values = {
            "host": "127.0.0.1",
            "port": server.port,
            "security": security,
            "ca_file": str(tmp_path / "ca.pem"),
            "step_seconds": 5,
            **({"user": "ann", "password": "s3cret"} if security == "starttls" else {}),
        }
        trusting = SmtpSettings.model_validate(values)
        message = compose(trusting, "bob@example.com", "Over TLS", "Hello.", "<1@example.com>")
        send(message, trusting)
        assert len(server.with_subject("Over TLS")) == 1
        with pytest.raises(MailRefused, match="certificate verify failed"):
            send(message, trusting.model_copy(update={"ca_file": ""}))
        if security == "starttls":
            assert server.users == ["ann"]
            wrong = SmtpSettings.model_validate({**values, "password": "wr0ng"})
            with pytest.raises(MailRefused) as refused:
                send(message, wrong)
            assert "535" in str(refused.value)
            assert "wr0ng" not in str(refused.value)


def test_a_password_never_goes_over_a_plain_connection(env: dict[str, str]) -> None:
    plain = smtp_settings().model_copy(update={"user": "ann"})
    with pytest.raises(MailRefused, match="without TLS"):
        send(compose(plain, "bob@example.com", "S", "T", "<1@example.com>"), plain)
