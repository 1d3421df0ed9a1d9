"""The local mail server: what it catches is shown, and no more of it than there is room for."""

from __future__ import annotations

import smtplib
import sys
from collections.abc import Iterator
from dataclasses import replace
from email.message import EmailMessage

import httpx
import pytest

from tests.support.processes import Door, Doors
from windrow.dev.addresses import Addresses
from windrow.dev.guard import Guard
from windrow.dev.parts import CATCHER, CATCHER_READY, parts
from windrow.dev.ports import free_port
from windrow_apps.mailroom import catcher
from windrow_apps.mailroom.catcher import Mails


class Catcher:
    """The program, as `windrow up` starts it."""

    def __init__(self, door: Door, smtp_port: int, http_port: int) -> None:
        self.door = door
        self.smtp_port = smtp_port
        self.url = f"http://127.0.0.1:{http_port}"

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.url + path, trust_env=False, timeout=20)

    def send(self, subject: str, text: str = "Hello.") -> None:
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = "a@example.com", "b@example.com", subject
        message.set_content(text)
        with smtplib.SMTP("127.0.0.1", self.smtp_port, timeout=20) as server:
            server.send_message(message)


@pytest.fixture(scope="module")
def running(guard: Guard) -> Iterator[Catcher]:
    doors = Doors(guard, {})
    smtp_port, http_port = free_port(), free_port()
    argv = [sys.executable, "-m", CATCHER, "--smtp-port", str(smtp_port), "--http-port", str(http_port)]
    door = doors.run("mails", argv, ready=CATCHER_READY, timeout=60)
    yield Catcher(door, smtp_port, http_port)
    doors.close()


def test_a_mail_is_shown_as_json_page_and_source(running: Catcher) -> None:
    running.send("Grüße", "Hello <b>you</b>.")
    newest = running.get("/mails").json()[0]
    assert (newest["subject"], newest["recipients"]) == ("Grüße", ["b@example.com"])
    whole = running.get(f"/mails/{newest['number']}").json()
    assert whole["text"].strip() == "Hello <b>you</b>."
    assert whole["headers"]["To"] == "b@example.com"
    assert "Grüße" in running.get("/").text
    page = running.get(f"/mails/{newest['number']}.html")
    assert "Hello &lt;b&gt;you&lt;/b&gt;." in page.text
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert b"Subject:" in running.get(f"/mails/{newest['number']}.eml").content
    assert running.get("/mails/999999").status_code == 404


def test_a_mail_that_is_too_large_is_refused(running: Catcher) -> None:
    with pytest.raises(smtplib.SMTPResponseException) as refused:
        running.send("Large", "x" * (catcher.MAX_MAIL_BYTES + 1))
    assert refused.value.smtp_code == 552


def test_markup_in_a_subject_stays_text(running: Catcher) -> None:
    running.send("<script>alert(1)</script>")
    assert "<script>" not in running.get("/").text


def test_only_the_last_ones_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    mails = Mails()
    for n in range(catcher.MAX_MAILS + 5):
        mails.add("a@example.com", ["b@example.com"], b"Subject: %d\r\n\r\n" % n)
    kept = [mail.number for mail in mails.newest_first()]
    assert (len(kept), kept[0], kept[-1]) == (catcher.MAX_MAILS, catcher.MAX_MAILS + 5, 6)
    assert mails.get(5) is None
    monkeypatch.setattr(catcher, "MAX_ALL_BYTES", 100)
    mails.add("a@example.com", ["b@example.com"], b"x" * 90)
    assert [len(mail.content) for mail in mails.newest_first()] == [90]


def test_up_runs_it_where_mails_are_caught_and_tells_the_parts() -> None:
    addresses = Addresses("", "", "127.0.0.1", 1, exporter_port=2, flower_port=None, source_port=None)
    env = addresses.environment({}, "mailroom")
    assert "WINDROW_SMTP_HOST" not in env
    assert "mails" not in [part.name for part in parts(addresses, env, 1)]
    catching = replace(addresses, smtp_port=25, mail_port=80)
    env = catching.environment({}, "mailroom")
    assert (env["WINDROW_SMTP_HOST"], env["WINDROW_SMTP_PORT"]) == ("127.0.0.1", "25")
    assert env["WINDROW_SMTP_SECURITY"] == "none"
    (part,) = [part for part in parts(catching, env, 1) if part.name == "mails"]
    assert part.argv[-4:] == ("--smtp-port", "25", "--http-port", "80")
    assert catching.mail_url == "http://127.0.0.1:80"
