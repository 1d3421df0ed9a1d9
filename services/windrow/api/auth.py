"""API keys, hashed at rest, compared in constant time; beside them, tokens of the cluster."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Awaitable, Callable

from fastapi import Request

from windrow.api.callers import ANONYMOUS, JOBS_READ, JOBS_WRITE, Caller, check_scope
from windrow.api.problems import unauthenticated
from windrow.api.tokens import Tokens, looks_like_a_token
from windrow.store import keys
from windrow.store.async_ledger import AsyncLedger

_KEY = re.compile(r"wrk_([A-Za-z0-9]{12})_[A-Za-z0-9_-]{43}")
MAX_CACHED = 1_000


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
    """Checks keys against the ledger; a good one is remembered for `seconds`. Tokens are for `tokens`, if any."""

    def __init__(
        self, ledger: AsyncLedger, seconds: float, enabled: bool = True, tokens: Tokens | None = None
    ) -> None:
        self._ledger = ledger
        self._seconds = seconds
        self._enabled = enabled
        self._tokens = tokens
        self._known: dict[bytes, tuple[float, Caller]] = {}

    async def caller(self, authorization: str | None, header: str | None = None) -> Caller:
        """Who sent this header; `header` names the one that carries the bare key instead.

        Raises the 401, 403 and 503 problems, or LedgerUnavailable.
        """
        if not self._enabled:
            return ANONYMOUS
        if authorization is None:
            how = f"`{header}: <key>`" if header else "`Authorization: Bearer <key>`"
            raise unauthenticated(f"Send {how}; `windrow keys create` makes one")
        scheme, _, key = authorization.partition(" ")
        found = _KEY.fullmatch(key.strip())
        if scheme.lower() != "bearer" or found is None:
            return await self._other(scheme, key.strip(), header)
        hashed = digest(key.strip())
        known = self._known.get(hashed)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        return await self._look_up(found[1], hashed)

    async def _other(self, scheme: str, token: str, header: str | None) -> Caller:
        if header is not None and (self._tokens is None or not looks_like_a_token(token)):
            raise unauthenticated(f"The {header} header is no API key, `wrk_…`")
        if self._tokens is None:
            raise unauthenticated("The Authorization header is not `Bearer wrk_…`")
        if scheme.lower() != "bearer" or not looks_like_a_token(token):
            raise unauthenticated("The Authorization header is neither `Bearer wrk_…` nor `Bearer <token>`")
        return await self._tokens.caller(token)

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


def needs(scope: str | None = None) -> Callable[[Request], Awaitable[Caller]]:
    """A dependency: the caller, who has `scope`; None: reading needs jobs:read, all else jobs:write."""

    async def dependency(request: Request) -> Caller:
        keyring: Keyring = request.app.state.services.keyring
        caller = await keyring.caller(request.headers.get("authorization"))
        wanted = scope or (JOBS_READ if request.method in ("GET", "HEAD") else JOBS_WRITE)
        check_scope(caller, wanted)
        return caller

    return dependency
