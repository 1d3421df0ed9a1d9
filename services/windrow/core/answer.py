"""The answer to whoever waits for a new job: its final record inside the wake-up, so that nobody has to read it again.

Wake-ups pass through the broker, which may be told anything by anybody. So an answer is sealed with a key that the
waiting API made for this one job, and that only the ledger carried to the job's worker.
"""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from windrow.core.job import NewJob, Outcome
from windrow.core.record import JobRecord
from windrow.core.states import State

#: In a job's options; its value is the key.
OPTION = "answer_key"
#: Characters of a record that may travel so; a larger one is read from the ledger.
MAX_CHARS = 16_384

_MOMENTS = ("created_at", "run_at", "expires_at", "started_at", "finished_at")
_FIELDS = tuple(JobRecord.__dataclass_fields__)


def new_key() -> str:
    """128 random bits, as text."""
    return secrets.token_hex(16)


def with_key(job: NewJob, key: str) -> NewJob:
    """`job`, whose worker shall answer."""
    return replace(job, options=json.dumps({**(json.loads(job.options) if job.options else {}), OPTION: key}))


def key_in(options: str | None) -> str | None:
    """The key in a job's options."""
    if options is None or f'"{OPTION}"' not in options:
        return None
    key = json.loads(options).get(OPTION)
    return key if isinstance(key, str) else None


def answers(outcomes: Sequence[Outcome], records: Mapping[str, str]) -> list[str]:
    """The sealed answers of those outcomes that somebody waits for; `records` as the finish returned them."""
    return [
        json.dumps([outcome.job_id, _seal(outcome.answer_key, text), text])
        for outcome in outcomes
        if outcome.answer_key and (text := records.get(outcome.job_id)) and len(text) <= MAX_CHARS
    ]


def opened(key: str, seal: object, text: object) -> JobRecord | None:
    """The record in an answer; None when it was not sealed with `key`."""
    if not isinstance(seal, str) or not isinstance(text, str):
        return None
    if not hmac.compare_digest(_seal(key, text).encode(), seal.encode()):
        return None
    return _record(text)


def _seal(key: str, text: str) -> str:
    return hmac.digest(key.encode(), text.encode(), "sha256").hex()


def _record(text: str) -> JobRecord:
    fields: dict[str, Any] = dict(zip(_FIELDS, json.loads(text), strict=True))
    for name in _MOMENTS:
        if fields[name] is not None:
            fields[name] = datetime.fromisoformat(fields[name])
    return JobRecord(**{**fields, "state": State(fields["state"]), "tags": tuple(fields["tags"] or ())})
