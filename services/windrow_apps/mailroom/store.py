"""Every SQL statement on the mailroom's own tables. A connection lives for one call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import psycopg

from windrow_apps.mailroom.settings import MailroomSettings
from windrow_apps.shared.database import database_settings, transaction

#: What PostgreSQL's views call our connections.
APP = "mailroom"
#: A mail that was sent is not sent again for so long.
ONCE_HOURS = 24
#: And its row is kept so long: the report of a day, made on the next one, counts the whole of it, of 25 hours too.
MAIL_HOURS = 49
#: Rows that a cleanup deletes at a time.
CLEANUP_ROWS = 500

_CLAIM = f"""
INSERT INTO mailroom.mails AS mail (content_hash, message_id, job_id, claim_until)
VALUES (%(hash)s, %(message_id)s, %(job_id)s, clock_timestamp() + make_interval(secs => %(seconds)s))
ON CONFLICT (content_hash) DO UPDATE SET
    job_id = excluded.job_id,
    claimed_at = clock_timestamp(),
    claim_until = excluded.claim_until,
    message_id = CASE WHEN mail.sent_at IS NULL THEN mail.message_id ELSE excluded.message_id END,
    tries = CASE WHEN mail.sent_at IS NULL THEN mail.tries + 1 ELSE 1 END,
    sent_at = NULL
WHERE mail.sent_at < clock_timestamp() - interval '{ONCE_HOURS} hours'
   OR (mail.sent_at IS NULL AND (mail.job_id = excluded.job_id OR mail.claim_until < clock_timestamp()))
RETURNING message_id, tries
"""

_CLAIMED = """
SELECT message_id, sent_at IS NOT NULL AS sent,
       greatest(0, extract(epoch FROM claim_until - clock_timestamp()))::float AS seconds
FROM mailroom.mails WHERE content_hash = %(hash)s
"""

_RECORD = """
UPDATE mailroom.mails SET sent_at = clock_timestamp()
WHERE content_hash = %(hash)s AND message_id = %(message_id)s AND sent_at IS NULL
"""

_RELEASE = """
UPDATE mailroom.mails SET claim_until = clock_timestamp()
WHERE content_hash = %(hash)s AND job_id = %(job_id)s AND sent_at IS NULL
"""

_NEW_UPLOAD = "INSERT INTO mailroom.uploads (id, bytes, lines) VALUES (%(id)s, 0, 0)"
_PIECE = "INSERT INTO mailroom.upload_pieces (upload_id, n, piece) VALUES (%(id)s, %(n)s, %(piece)s)"
_MEASURE = "UPDATE mailroom.uploads SET bytes = %(bytes)s, lines = %(lines)s WHERE id = %(id)s"
_UPLOAD = "SELECT bytes, lines FROM mailroom.uploads WHERE id = %(id)s"
_READ_PIECE = "SELECT piece FROM mailroom.upload_pieces WHERE upload_id = %(id)s AND n = %(n)s"
_UPLOADED = "SELECT coalesce(sum(bytes), 0)::bigint AS bytes FROM mailroom.uploads"

_SAVE_REPORT = """
INSERT INTO mailroom.reports (id, report_type, first_day, last_day, pages, bytes, pdf)
VALUES (%(id)s, %(report_type)s, %(first)s, %(last)s, %(pages)s, %(bytes)s, %(pdf)s)
ON CONFLICT (id) DO UPDATE SET
    pages = excluded.pages, bytes = excluded.bytes, pdf = excluded.pdf, created_at = excluded.created_at
"""
_REPORT = "SELECT id, bytes, pdf FROM mailroom.reports WHERE id = %(id)s"

_OLD = {
    "mails": (
        "DELETE FROM mailroom.mails WHERE content_hash IN (SELECT content_hash FROM mailroom.mails"
        f" WHERE greatest(claimed_at, claim_until, sent_at) < clock_timestamp() - interval '{MAIL_HOURS} hours'"
        " LIMIT %(rows)s) RETURNING NULL::uuid AS id"
    ),
    "uploads": (
        "DELETE FROM mailroom.uploads WHERE id IN (SELECT id FROM mailroom.uploads"
        " WHERE created_at < clock_timestamp() - make_interval(secs => %(upload_seconds)s)"
        " LIMIT %(rows)s) RETURNING id"
    ),
    "reports": (
        "DELETE FROM mailroom.reports WHERE id IN (SELECT id FROM mailroom.reports"
        " WHERE created_at < clock_timestamp() - make_interval(secs => %(report_seconds)s)"
        " LIMIT %(rows)s) RETURNING id"
    ),
    "days": (
        "DELETE FROM mailroom.days WHERE ctid IN (SELECT ctid FROM mailroom.days"
        " WHERE day < current_date - %(totals_days)s::integer LIMIT %(rows)s) RETURNING NULL::uuid AS id"
    ),
}


@dataclass(frozen=True, slots=True)
class Claim:
    """What became of a wish to send a mail."""

    message_id: str
    #: How often it was claimed without a record, this time included; 0 when it is not ours.
    tries: int
    already_sent: bool = False
    #: Seconds until the other job's claim lapses, when it is not ours.
    seconds: float = 0


@dataclass(frozen=True, slots=True)
class Report:
    """A report that was made."""

    id: UUID
    report_type: str
    first: date
    last: date
    pages: int
    bytes: int


class MailroomStore:
    """Raises psycopg's OperationalError when nobody answers."""

    def __init__(self, settings: MailroomSettings) -> None:
        self._settings = settings

    def claim(self, content_hash: str, message_id: str, job_id: str) -> Claim:
        """Take the right to send the mail, unless it was sent or another job has it. Committed when this returns."""
        params = {
            "hash": content_hash,
            "message_id": message_id,
            "job_id": job_id,
            "seconds": self._settings.claim_seconds,
        }
        with self.transaction() as connection:
            for _ in range(2):
                row = connection.execute(_CLAIM, params).fetchone()
                if row is not None:
                    return Claim(row["message_id"], row["tries"])
                row = connection.execute(_CLAIMED, params).fetchone()
                if row is not None:
                    return Claim(row["message_id"], 0, row["sent"], row["seconds"])
        raise psycopg.OperationalError("a mail's row came and went")  # a cleanup, twice: again

    def record_sent(self, content_hash: str, message_id: str) -> None:
        """The server has the mail."""
        with self.transaction() as connection:
            connection.execute(_RECORD, {"hash": content_hash, "message_id": message_id})

    def release(self, content_hash: str, job_id: str) -> None:
        """The mail was not sent, and another job may try."""
        with self.transaction() as connection:
            connection.execute(_RELEASE, {"hash": content_hash, "job_id": job_id})

    def save_upload(self, upload_id: UUID, pieces: Iterable[bytes]) -> int:
        """Keep an upload, all of it or nothing; returns its bytes."""
        size = lines = 0
        with self.transaction() as connection:
            connection.execute(_NEW_UPLOAD, {"id": upload_id})
            for n, piece in enumerate(pieces):
                connection.execute(_PIECE, {"id": upload_id, "n": n, "piece": piece})
                size += len(piece)
                lines += piece.count(b"\n")
            connection.execute(_MEASURE, {"id": upload_id, "bytes": size, "lines": lines})
        return size

    def upload(self, upload_id: UUID) -> tuple[int, int] | None:
        """Its bytes and lines; None when there is none."""
        with self.transaction() as connection:
            row = connection.execute(_UPLOAD, {"id": upload_id}).fetchone()
        return None if row is None else (row["bytes"], row["lines"])

    def piece(self, upload_id: UUID, n: int) -> bytes:
        """The n-th piece, from 0; empty after the last one."""
        with self.transaction() as connection:
            row = connection.execute(_READ_PIECE, {"id": upload_id, "n": n}).fetchone()
        return b"" if row is None else bytes(row["piece"])

    def uploaded_bytes(self) -> int:
        """Bytes of all uploads that are kept."""
        with self.transaction() as connection:
            row = connection.execute(_UPLOADED).fetchone()
        return 0 if row is None else int(row["bytes"])

    def drop_upload(self, upload_id: UUID) -> None:
        """Forget an upload that no job was made for."""
        with self.transaction() as connection:
            connection.execute("DELETE FROM mailroom.uploads WHERE id = %s", [upload_id])

    def save_report(self, report: Report, pdf: bytes | None) -> None:
        """Keep a report; one with the same id is replaced."""
        values = {name: getattr(report, name) for name in report.__slots__}
        with self.transaction() as connection:
            connection.execute(_SAVE_REPORT, {**values, "pdf": pdf})

    def report_pdf(self, report_id: UUID) -> tuple[bool, bytes | None]:
        """Is there such a report, and its PDF where it is kept here."""
        with self.transaction() as connection:
            row = connection.execute(_REPORT, {"id": report_id}).fetchone()
        return row is not None, None if row is None or row["pdf"] is None else bytes(row["pdf"])

    def remove_old(self, kind: str) -> Iterator[list[UUID | None]]:
        """Delete what is too old of `mails`, `uploads`, `reports` or `days`, some at a time; yields their ids."""
        params = {
            "rows": CLEANUP_ROWS,
            "upload_seconds": self._settings.upload_hours * 3600,
            "report_seconds": self._settings.report_days * 86_400,
            "totals_days": self._settings.totals_days,
        }
        while True:
            with self.transaction() as connection:
                rows = connection.execute(_OLD[kind], params).fetchall()
            yield [row["id"] for row in rows]
            if len(rows) < CLEANUP_ROWS:
                return

    def transaction(self) -> AbstractContextManager[psycopg.Connection[Any]]:
        """A connection of its own, committed at the end; also for the figures of other schemas."""
        return transaction(database_settings(), APP)

    def rows(self, query: str, params: dict[str, Any]) -> list[dict[str, Any]]:
        """The rows of one read-only query."""
        with self.transaction() as connection:
            return connection.execute(query, params).fetchall()
