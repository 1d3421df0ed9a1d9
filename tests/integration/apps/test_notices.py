"""Notices: by mail and by a signed POST, to real servers."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.apps.test_outbound import Handler, asked, site
from tests.support.mail_server import MailServer, mail_server
from windrow_apps.shared import notices
from windrow_apps.shared.notices import deliver, notify

__all__ = ["asked", "site"]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    with mail_server() as running:
        monkeypatch.setenv("WINDROW_SMTP_HOST", "127.0.0.1")
        monkeypatch.setenv("WINDROW_SMTP_PORT", str(running.port))
        monkeypatch.setenv("WINDROW_SMTP_SECURITY", "none")
        monkeypatch.setenv("WINDROW_OUTBOUND_NETWORKS", "127.0.0.1")
        yield running


@pytest.fixture
def submitted(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """What would become jobs."""
    seen: list[dict[str, str]] = []
    monkeypatch.setattr(deliver, "apply_async", lambda kwargs: seen.append(kwargs))
    return seen


def test_without_settings_a_notice_is_only_logged(submitted: list[dict[str, str]]) -> None:
    notify("failure", "It failed", "Why.")
    assert submitted == []


def test_the_operator_is_told_of_what_the_setting_names(
    submitted: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WINDROW_NOTICES_EMAIL", "ops@example.com")
    monkeypatch.setenv("WINDROW_NOTICES_WEBHOOK", "http://hooks.example.com/x")
    notify("success", "Fine", "")
    assert submitted == []
    notify("failure", "Bad\r\nBcc: x", "Why.")
    assert [(each["way"], each["target"]) for each in submitted] == [
        ("email", "ops@example.com"),
        ("webhook", "http://hooks.example.com/x"),
    ]
    assert submitted[0]["subject"] == "Bad Bcc: x"


def test_a_callers_own_address_is_told_whatever_the_kind(submitted: list[dict[str, str]]) -> None:
    notify("finished", "Done", "", email="ann@example.com")
    assert [(each["way"], each["target"]) for each in submitted] == [("email", "ann@example.com")]


def test_a_notice_arrives_by_mail(server: MailServer) -> None:
    notice = {"way": "email", "target": "ops@example.com", "kind": "failure", "subject": "S", "text": "Why."}
    server.data_answers.append("451 later")
    assert deliver.apply(kwargs=notice, task_id="n1").state == "SUCCESS"
    (mail,) = server.with_subject("[windrow] S")
    assert mail.get_content().strip() == "Why."
    assert mail["Message-ID"] == "<notice.n1@example.com>"


def test_a_notice_goes_to_the_allowed_domains_and_to_the_operator(
    server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WINDROW_MAILROOM_RECIPIENT_DOMAINS", "example.org")
    monkeypatch.setenv("WINDROW_NOTICES_EMAIL", "ops@example.com")
    notice = {"way": "email", "kind": "failure", "subject": "S", "text": "Why."}
    for target, state in (
        ("ann@example.net", "FAILURE"),
        ("ops@example.com", "SUCCESS"),
        ("a@example.org", "SUCCESS"),
    ):
        assert deliver.apply(kwargs={**notice, "target": target}).state == state
    assert [mail["To"] for mail in server.with_subject("[windrow] S")] == ["ops@example.com", "a@example.org"]


def test_a_posted_notice_is_signed(
    server: MailServer, site: str, asked: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WINDROW_NOTICES_SECRET", "k3y")
    notice = {"way": "webhook", "target": f"{site}/bytes/1", "kind": "failure", "subject": "S", "text": "Ü"}
    assert deliver.apply(kwargs=notice, task_id="n2").state == "SUCCESS"
    _, _, body, headers = asked[0]
    assert json.loads(body) == {"id": "n2", "kind": "failure", "subject": "S", "text": "Ü"}
    signed = headers["Windrow-Timestamp"].encode() + b"." + body
    expected = hmac.new(b"k3y", signed, hashlib.sha256).hexdigest()
    assert headers["Windrow-Signature"] == f"v1={expected}"
    assert headers["Windrow-Notice"] == "n2"


def test_a_receiver_that_is_away_is_asked_again_but_not_for_ever(
    server: MailServer, site: str, asked: list[Any]
) -> None:
    notice = {"way": "webhook", "target": f"{site}/status/503", "kind": "k", "subject": "S", "text": ""}
    assert deliver.apply(kwargs=notice).state == "FAILURE"
    assert len(Handler.asked) == 1 + notices.MAX_RETRIES
    asked.clear()
    assert deliver.apply(kwargs={**notice, "target": f"{site}/status/410"}).state == "FAILURE"
    assert len(Handler.asked) == 1
