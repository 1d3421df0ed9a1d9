"""One mail, once: claimed in PostgreSQL before it is sent, recorded after.

SMTP has no way to ask whether a mail was accepted. When the worker or the connection dies after the server has the
whole mail and before its yes is recorded, nobody knows; the mail is then sent again, with the same Message-ID.
"""

from __future__ import annotations

import hashlib
import json
import random
import time
from dataclasses import dataclass, field
from typing import Any

import psycopg

from windrow_apps.mailroom.errors import MailInFlight
from windrow_apps.mailroom.settings import MailroomSettings
from windrow_apps.mailroom.store import MailroomStore
from windrow_apps.shared.smtp import MailError, SmtpSettings, check_domain, clean_address, compose, send

#: Tries to record a mail, and the first pause between two; 15 seconds in all, besides the time-outs.
RECORD_TRIES = 5
RECORD_PAUSE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Mail:
    """What is sent; equal content is the same mail."""

    to: str
    subject: str
    body: str
    #: Name and content of a PDF that goes with it.
    attachment: tuple[str, bytes] | None = field(default=None, repr=False)
    #: What makes two mails with the same text different ones: the report that is attached.
    about: str = ""

    @property
    def content_hash(self) -> str:
        """SHA-256 of the content, in hex. The attachment counts by `about`: made again it may differ in a date."""
        content = [self.to.lower(), self.subject, self.body, self.about]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def mail_once(mail: Mail, job_id: str, settings: MailroomSettings, smtp: SmtpSettings) -> dict[str, Any]:
    """Send it unless it was sent within a day: `status` is `sent` or `already_sent`.

    Raises BadAddress, MailInFlight, MailTransient or MailRefused; psycopg's OperationalError when nobody answers.
    """
    to = clean_address(mail.to)  # a job may come by other ways than our route
    check_domain(to, smtp)
    store = MailroomStore(settings)
    content_hash = mail.content_hash
    claim = store.claim(content_hash, message_id(content_hash, smtp), job_id)
    if claim.already_sent:
        return {"status": "already_sent", "email": to, "message_id": claim.message_id}
    if not claim.tries:
        raise MailInFlight(claim.seconds)
    message = compose(smtp, to, mail.subject, mail.body, claim.message_id)
    if mail.attachment is not None:
        name, content = mail.attachment
        message.add_attachment(content, maintype="application", subtype="pdf", filename=name)
    try:
        send(message, smtp, lambda: _record(store, content_hash, claim.message_id))
    except MailError:
        store.release(content_hash, job_id)
        raise
    # Above 1 somebody had begun before and left no record: this one may be the second.
    return {"status": "sent", "email": to, "message_id": claim.message_id, "tries": claim.tries}


def _record(store: MailroomStore, content_hash: str, message_id: str) -> None:
    """Write down that the server has it, with patience: what is not written down is sent again."""
    for attempt in range(RECORD_TRIES):
        try:
            store.record_sent(content_hash, message_id)
            return
        except psycopg.OperationalError:
            if attempt == RECORD_TRIES - 1:
                raise
            time.sleep(random.uniform(0.5, 1) * RECORD_PAUSE_SECONDS * 2**attempt)


def message_id(content_hash: str, smtp: SmtpSettings) -> str:
    """The Message-ID of a mail that was not claimed yet; whoever claims it later keeps it."""
    # With the moment: what is sent again a day later is a new mail, which nobody may take for the old one.
    return f"<{content_hash[:40]}.{int(time.time())}@{smtp.sender.rpartition('@')[2]}>"
