"""Who asks, and what may they do: API keys, hashed at rest, compared in constant time."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from fastapi import Request

from windrow.api.problems import missing_scope, unauthenticated
from windrow.store import keys
from windrow.store.async_ledger import AsyncLedger

JOBS_READ = "jobs:read"
JOBS_WRITE = "jobs:write"
QUEUES_WRITE = "queues:write"
SCHEDULES_WRITE = "schedules:write"
#: Every scope in one.
ADMIN = "admin"
SCOPES = {
    JOBS_READ: "see jobs, tasks, queues, schedules and workers",
    JOBS_WRITE: "submit, cancel, retry and replay jobs",
    QUEUES_WRITE: "pause and resume queues",
    SCHEDULES_WRITE: "create, change, pause, trigger and delete schedules",
    ADMIN: "everything",
}

_KEY = re.compile(r"wrk_([A-Za-z0-9]{12})_[A-Za-z0-9_-]{43}")
MAX_CACHED = 1_000


class Caller(NamedTuple):
    """The owner of a request's key."""

    #: The key's id, or "anonymous" where no key is asked for.
    id: str
    scopes: frozenset[str]


ANONYMOUS = Caller("anonymous", frozenset({ADMIN}))


def new_key() -> tuple[str, str, bytes]:
    """A fresh key as (id, key, its hash): 256 random bits behind an id that may be shown."""
    key_id = secrets.token_hex(6)
    key = f"wrk_{key_id}_{secrets.token_urlsafe(32)}"
    return key_id, key, digest(key)


def id_of(key: str) -> str | None:
    """The id in a key; None when it is not written like one."""
    found = _KEY.fullmatch(key)
    return found[1] if found else None


def digest(key: str) -> bytes:
    """What is kept of a key. Fast on purpose: 256 random bits need no stretching."""
    return hashlib.sha256(key.encode()).digest()


class Keyring:
    """Checks keys against the ledger; a good one is remembered for `seconds`."""

    def __init__(self, ledger: AsyncLedger, seconds: float, enabled: bool = True) -> None:
        self._ledger = ledger
        self._seconds = seconds
        self._enabled = enabled
        self._known: dict[bytes, tuple[float, Caller]] = {}

    async def caller(self, authorization: str | None) -> Caller:
        """Who sent this header. Raises the 401 problem, or LedgerUnavailable."""
        if not self._enabled:
            return ANONYMOUS
        if authorization is None:
            raise unauthenticated("Send `Authorization: Bearer <key>`; `windrow keys create` makes one")
        scheme, _, key = authorization.partition(" ")
        found = _KEY.fullmatch(key.strip())
        if scheme.lower() != "bearer" or found is None:
            raise unauthenticated("The Authorization header is not `Bearer wrk_…`")
        hashed = digest(key.strip())
        known = self._known.get(hashed)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        return await self._look_up(found[1], hashed)

    async def _look_up(self, key_id: str, hashed: bytes) -> Caller:
        row = await self._ledger.run(keys.find, key_id)
        if row is None or not hmac.compare_digest(row.hash, hashed) or not row.valid:
            self._known.pop(hashed, None)
            raise unauthenticated("The key is unknown, expired or revoked")
        caller = Caller(row.id, frozenset(row.scopes))
        if len(self._known) >= MAX_CACHED:
            self._known.clear()
        self._known[hashed] = (time.monotonic() + self._seconds, caller)
        return caller


def check_scope(caller: Caller, scope: str) -> None:
    """Raises the 403 problem when `caller` may not."""
    if scope not in caller.scopes and ADMIN not in caller.scopes:
        raise missing_scope(scope)


def needs(scope: str | None = None) -> Callable[[Request], Awaitable[Caller]]:
    """A dependency: the caller, who has `scope`; None: reading needs jobs:read, all else jobs:write."""

    async def dependency(request: Request) -> Caller:
        keyring: Keyring = request.app.state.services.keyring
        caller = await keyring.caller(request.headers.get("authorization"))
        wanted = scope or (JOBS_READ if request.method in ("GET", "HEAD") else JOBS_WRITE)
        check_scope(caller, wanted)
        return caller

    return dependency
