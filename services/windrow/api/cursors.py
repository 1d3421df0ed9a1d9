"""Opaque cursors: where the next page begins."""

from __future__ import annotations

import base64
import binascii

from windrow.api.problems import Flaw, invalid
from windrow.core.ids import is_valid_id

#: A cursor of another release's making must be told apart.
_VERSION = b"1:"


def encode_cursor(last_id: str) -> str:
    """The cursor of the page that follows the job `last_id`."""
    return base64.urlsafe_b64encode(_VERSION + last_id.encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> str:
    """The id that `encode_cursor` was given. Raises the 422 problem for anything else."""
    try:
        raw = base64.b64decode(cursor.encode() + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        last_id = raw.removeprefix(_VERSION).decode("ascii")
    except (binascii.Error, ValueError):
        raw, last_id = b"", ""
    if not raw.startswith(_VERSION) or not is_valid_id(last_id):
        fix = "Take the cursor from `next` of the page before, or leave it out"
        raise invalid([Flaw("?cursor", "This is no cursor of ours", fix)])
    return last_id
