"""Idempotency-Key and unique keys: the names under which they are kept, and what a taken one answers."""

from __future__ import annotations

import hashlib
import json

from windrow.api.problems import Flaw, invalid, key_reused, taken
from windrow.api.views import Receipt
from windrow.core.input import JobRequest
from windrow.core.job import NewJob
from windrow.store.guards import Guard, Guarded, Verdict

MAX_KEY_CHARS = 255


def guard(
    job: NewJob, wish: JobRequest, caller: str, key: str | None, seconds: float, place: int | None = None
) -> Guarded:
    """`job` with the names that its request carries; the Idempotency-Key belongs to the caller, for `seconds`.

    A batch's key is for the whole of it: each of its jobs has the key's name and its `place`.
    """
    unique = wish.unique
    return Guarded(
        job,
        idempotency=None if key is None else Guard(idempotency_name(caller, key, place), seconds),
        hash=None if key is None else _digest(wish),
        unique=None if unique is None else Guard(f"unique:{wish.task}:{unique.key}", unique.ttl),
        existing=unique is not None and unique.on_conflict == "existing",
    )


def judged(verdict: Verdict, task: str) -> Receipt:
    """The receipt of the new job or of the one that was there; raises the 409 and 422 problems."""
    if verdict.outcome == "mismatch":
        raise key_reused()
    if verdict.outcome == "conflict":
        what = f"The unique key belongs to the job {verdict.id}, which is {verdict.state.shown}"
        raise taken(what, verdict.id, verdict.state.shown)
    return Receipt(id=verdict.id, state=verdict.state.shown, task=task, queue=verdict.queue)


def idempotency_name(caller: str, key: str, place: int | None = None) -> str:
    """The name of a caller's Idempotency-Key, or of a `place` in the batch that has it.

    Raises the 422 problem for what is no key.
    """
    if not key or len(key) > MAX_KEY_CHARS or not key.isascii() or not key.isprintable():
        fix = f"Send 1 to {MAX_KEY_CHARS} visible ASCII characters, e.g. a UUID"
        raise invalid([Flaw("Idempotency-Key:", "This is no key that can be kept", fix)])
    return f"idempotency:{caller}:{key}" if place is None else f"batch:{caller}:{place}:{key}"


def _digest(wish: JobRequest) -> str:
    """The same for the same wish, however its JSON was written."""
    # NaN and the like are equal by their spelling, which is all that is needed here.
    canonical = json.dumps(wish.model_dump(mode="python"), sort_keys=True, default=str)
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()
