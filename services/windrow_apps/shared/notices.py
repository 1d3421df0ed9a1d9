"""Tell the operator, or a caller, that something happened: by e-mail, by a signed POST, or only in the log.

The webhook's receiver checks `Windrow-Signature`: `v1=` and the hex HMAC-SHA256, keyed with
WINDROW_NOTICES_SECRET, of `Windrow-Timestamp`, a dot, and the body.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import time
from typing import Any

from celery import Task, shared_task
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from windrow_apps.shared.outbound import OutboundUnavailable, outbound_settings, post
from windrow_apps.shared.smtp import MailTransient, check_domain, clean_address, compose, send, smtp_settings

logger = logging.getLogger(__name__)

MAX_SUBJECT_CHARACTERS = 200
MAX_TEXT_CHARACTERS = 10_000
MAX_RETRIES = 5
RETRY_CAP_SECONDS = 300


class NoticeSettings(BaseSettings):
    """Who is told, and of what. Each field is read from `WINDROW_NOTICES_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix="WINDROW_NOTICES_", frozen=True, extra="ignore")

    #: Address that gets every notice; empty: none.
    email: str = ""
    #: URL that every notice is posted to; empty: none. Its network may have to be allowed: WINDROW_OUTBOUND_NETWORKS.
    webhook: str = ""
    #: Key of the signature; without it the POST carries none.
    secret: SecretStr = SecretStr("")
    #: Kinds that are sent; others are only logged.
    kinds: str = Field(
        default="failure", description="Comma-separated: success, failure, retry and apps' own."
    )

    @property
    def sent_kinds(self) -> frozenset[str]:
        """`kinds`, as a set."""
        return frozenset(kind.strip() for kind in self.kinds.split(",") if kind.strip())


def notice_settings() -> NoticeSettings:
    """Read the settings now; for entry points."""
    return NoticeSettings()


def notify(kind: str, subject: str, text: str, *, email: str = "", webhook: str = "") -> None:
    """Log it; and send it as jobs, to the operator where `kind` is one that is sent.

    `email` and `webhook` are somebody's own and get it whatever the kind. To be called from a task.
    """
    logger.info("%s: %s", kind, subject)
    settings = notice_settings()
    emails, webhooks = {email} - {""}, {webhook} - {""}
    if kind in settings.sent_kinds:
        emails |= {settings.email} - {""}
        webhooks |= {settings.webhook} - {""}
    content = {
        "kind": kind,
        "subject": " ".join(subject.split())[:MAX_SUBJECT_CHARACTERS],
        "text": text[:MAX_TEXT_CHARACTERS],
    }
    for way, targets in (("email", emails), ("webhook", webhooks)):
        for target in sorted(targets):
            deliver.apply_async(kwargs={"way": way, "target": target, **content})


@shared_task(
    bind=True,
    name="notices.deliver",
    autoretry_for=(MailTransient, OutboundUnavailable),
    retry_backoff=True,
    retry_backoff_max=RETRY_CAP_SECONDS,
    retry_jitter=True,
    max_retries=MAX_RETRIES,
    time_limit=240,
)
def deliver(self: Task[..., Any], way: str, target: str, kind: str, subject: str, text: str) -> None:
    """Send one notice, one way: `email` or `webhook`."""
    notice_id = self.request.id or "none"
    if way == "email":
        settings = smtp_settings()
        # The operator's own address may be anywhere; all else was named by a caller, and not only by our routes.
        if target != notice_settings().email:
            check_domain(clean_address(target), settings)
        # The same id again when it is tried again: who got it twice can see that.
        message_id = f"<notice.{notice_id}@{settings.sender.rpartition('@')[2]}>"
        send(compose(settings, target, f"[windrow] {subject}", text, message_id), settings)
        return
    notice = {"id": notice_id, "kind": kind, "subject": subject, "text": text}
    body = json.dumps(notice, ensure_ascii=False).encode()
    post(target, body, _headers(notice_id, body), outbound_settings())


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """What `Windrow-Signature` says for this body at this moment."""
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"v1={digest}"


def _headers(notice_id: str, body: bytes) -> dict[str, str]:
    timestamp = str(int(time.time()))
    headers = {
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Windrow-Notice": notice_id,
        "Windrow-Timestamp": timestamp,
    }
    secret = notice_settings().secret.get_secret_value()
    if secret:
        headers["Windrow-Signature"] = signature(secret, timestamp, body)
    return headers
