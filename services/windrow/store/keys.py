"""API keys at rest: hashes, scopes and dates; never a key itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from windrow.store.op import Op, Query, single


class KeyRow(NamedTuple):
    """One key as the ledger keeps it."""

    id: str
    name: str
    #: SHA-256 of the whole key.
    hash: bytes
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    #: Neither expired nor revoked, by the database's clock.
    valid: bool


_COLUMNS = """id, name, hash, scopes, created_at, expires_at, revoked_at,
    revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp())"""


@single
def create(
    key_id: str, name: str, digest: bytes, scopes: Sequence[str], expires_in: float | None = None
) -> Op[KeyRow]:
    """Keep a new key; it expires `expires_in` seconds from now, or never."""
    rows = yield Query(
        "INSERT INTO windrow.api_keys (id, name, hash, scopes, expires_at) VALUES (%(id)s, %(name)s, %(hash)s, "
        f"%(scopes)s, clock_timestamp() + %(expires_in)s::float8 * interval '1 second') RETURNING {_COLUMNS}",
        {"id": key_id, "name": name, "hash": digest, "scopes": list(scopes), "expires_in": expires_in},
    )
    return KeyRow(*rows[0])


@single
def find(key_id: str) -> Op[KeyRow | None]:
    """The key with that id."""
    rows = yield Query(f"SELECT {_COLUMNS} FROM windrow.api_keys WHERE id = %(id)s", {"id": key_id})
    return KeyRow(*rows[0]) if rows else None


@single
def read() -> Op[list[KeyRow]]:
    """Every key, the oldest first."""
    rows = yield Query(f"SELECT {_COLUMNS} FROM windrow.api_keys ORDER BY created_at, id")
    return [KeyRow(*row) for row in rows]


@single
def revoke(key_id: str) -> Op[bool]:
    """End a key for good; False when there is none with that id."""
    rows = yield Query(
        "UPDATE windrow.api_keys SET revoked_at = coalesce(revoked_at, clock_timestamp()) "
        "WHERE id = %(id)s RETURNING id",
        {"id": key_id},
    )
    return bool(rows)
