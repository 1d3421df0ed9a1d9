"""Job ids: ours are UUIDv7 (RFC 9562), a caller's own are kept when they are storable."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from uuid import UUID, uuid5

from uuid_utils import uuid7

MAX_ID_CHARS = 155
#: Any constant of our own.
_REPEATABLE = UUID("6f9a8d7c-3b52-4f5e-9c41-77696e64726f")
_OWN_ID = re.compile(r"[A-Za-z0-9._~:@-]{1,155}")


def new_id() -> str:
    """A fresh UUIDv7 as text; sorts by the millisecond it was made in."""
    return str(uuid7())


def repeatable_id(*names: str) -> str:
    """The same id (RFC 9562, version 5) for the same names: who asks twice means one job."""
    return str(uuid5(_REPEATABLE, json.dumps(names)))


def is_valid_id(text: str) -> bool:
    """Whether `text` may be a job id: 1 to 155 unreserved URL characters (Celery's own limit)."""
    return _OWN_ID.fullmatch(text) is not None


def made_at(job_id: str) -> datetime | None:
    """The moment inside a UUIDv7, or None when `job_id` is not one."""
    try:
        uuid = UUID(job_id)
        # Its 48 bits reach far beyond the year 9999, where the ValueError is this one's.
        return datetime.fromtimestamp((uuid.int >> 80) / 1000, UTC) if uuid.version == 7 else None
    except ValueError:
        return None


def lowest_id_at(moment: datetime) -> str:
    """The lowest UUIDv7 of that millisecond: ids at or above it were made then or later (aware, from 1970 on)."""
    return str(UUID(int=int(moment.timestamp() * 1000) << 80 | 7 << 76 | 2 << 62))
