"""Callers inside the cluster: ServiceAccount tokens, reviewed by the API server and remembered for a moment."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import re
import time
from base64 import urlsafe_b64decode
from contextlib import suppress
from typing import Any, NamedTuple, Protocol

from windrow.api.callers import Caller
from windrow.api.problems import unauthenticated, unavailable, unmapped_subject
from windrow.api.subjects import Subjects, scopes_of

logger = logging.getLogger(__name__)

#: Shorter than what the server takes as a header, longer than any token of Kubernetes.
MAX_CHARS = 8_192
MAX_REMEMBERED = 1_000
_JWT = re.compile(r"[\w-]+\.([\w-]+)\.[\w-]+", re.ASCII)


class NotReviewed(Exception):
    """Nobody said whether the token is good."""


class Reviewer(Protocol):
    """Whom to ask."""

    async def review(self, token: str) -> str | None:
        """Whose `token` is, or None when it is not good for our audience. Raises NotReviewed."""

    async def close(self) -> None:
        """Close its connections."""


class TokenRules(NamedTuple):
    """What is asked of a token, and for how long an answer holds."""

    audience: str
    subjects: Subjects
    #: Seconds that a good token is not reviewed again, and a refused one.
    seconds: float
    refused_seconds: float
    #: Reviews at the same time; each is a request to the API server that anybody may cause.
    reviews_max: int


class Tokens:
    """Whose a token is: one review at a time for each token, at most `reviews_max` for all."""

    def __init__(self, reviewer: Reviewer, rules: TokenRules) -> None:
        self._reviewer = reviewer
        self._rules = rules
        #: By the token's hash. Apart, so that a flood of bad tokens drives no good one out.
        self._good: dict[bytes, tuple[float, Caller]] = {}
        self._refused: dict[bytes, tuple[float, None]] = {}
        self._reviews: dict[bytes, asyncio.Task[Caller | NotReviewed | None]] = {}

    async def caller(self, token: str) -> Caller:
        """Who sent `token`. Raises the 401, 403 and 503 problems."""
        key = hashlib.sha256(token.encode()).digest()
        now = time.monotonic()
        known = self._good.get(key) or self._refused.get(key)
        caller = known[1] if known is not None and known[0] > now else await self._reviewed(key, token)
        if caller is None:
            raise unauthenticated("The token is unknown, expired, or not for this service")
        if not caller.scopes:
            raise unmapped_subject(caller.id)
        return caller

    async def close(self) -> None:
        """End the reviews under way, and their connections."""
        reviews = list(self._reviews.values())
        for review in reviews:
            review.cancel()
        await asyncio.gather(*reviews, return_exceptions=True)
        await self._reviewer.close()

    async def _reviewed(self, key: bytes, token: str) -> Caller | None:
        claims = _claims(token)
        if not _is_for(claims, self._rules.audience):
            return None
        review = self._reviews.get(key)
        if review is None:
            if len(self._reviews) >= self._rules.reviews_max:
                raise unavailable("Too many tokens wait for the cluster's API server: send it again")
            review = asyncio.create_task(self._ask(key, token, claims.get("exp")), name="token review")
            self._reviews[key] = review
        # Others may wait for the same review: a caller that goes away must not end it.
        verdict = await asyncio.shield(review)
        if isinstance(verdict, NotReviewed):
            raise unavailable("The cluster's API server did not check the token: send it again")
        return verdict

    async def _ask(self, key: bytes, token: str, expires: object) -> Caller | NotReviewed | None:
        """The verdict, remembered. What went wrong is returned: nobody may be left to raise it to."""
        try:
            subject = await self._reviewer.review(token)
        except NotReviewed as exc:
            logger.warning("no TokenReview (may this ServiceAccount create them?): %s", exc)
            return exc
        finally:
            del self._reviews[key]
        if subject is None:
            self._good.pop(key, None)
            _remember(self._refused, key, (time.monotonic() + self._rules.refused_seconds, None))
            return None
        caller = Caller(subject, scopes_of(subject, self._rules.subjects))
        self._refused.pop(key, None)
        _remember(self._good, key, (time.monotonic() + _lifetime(self._rules.seconds, expires), caller))
        return caller


def looks_like_a_token(text: str) -> bool:
    """Whether `text` may be a JSON Web Token at all."""
    return len(text) <= MAX_CHARS and _JWT.fullmatch(text) is not None


def _claims(token: str) -> dict[str, Any]:
    """What `token` says of itself: nothing to believe before its review."""
    found = _JWT.fullmatch(token)
    with suppress(ValueError, RecursionError):
        claims = json.loads(urlsafe_b64decode(f"{found[1]}==")) if found else None
        if isinstance(claims, dict):
            return claims
    return {}


def _is_for(claims: dict[str, Any], audience: str) -> bool:
    """Whether it is worth a review: whatever is not even meant for us costs the API server nothing."""
    named = claims.get("aud")
    return audience in named if isinstance(named, list) else audience == named


def _lifetime(seconds: float, expires: object) -> float:
    """Seconds that a good token is remembered: never beyond its own end."""
    return min(seconds, expires - time.time()) if isinstance(expires, (int, float)) else seconds


def _remember(answers: dict[bytes, Any], key: bytes, answer: tuple[float, Caller | None]) -> None:
    answers.pop(key, None)
    while len(answers) >= MAX_REMEMBERED:
        del answers[next(iter(answers))]
    answers[key] = answer
