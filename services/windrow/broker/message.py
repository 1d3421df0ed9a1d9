"""The compact message: a wake-up for a job, about 100 bytes; and telling a full Celery message apart."""

from __future__ import annotations

import json
from functools import lru_cache
from json.encoder import encode_basestring_ascii as _quote
from typing import Any, NamedTuple

#: How every compact message begins, and no Celery message does. The scripts rely on it.
COMPACT_START = b'{"id":'
#: How a message ends that must be taken alone. The scripts rely on it.
ALONE_END = ',"alone":1}'


class Message(NamedTuple):
    """A wake-up for a job: carries nothing worth forging."""

    id: str
    task: str
    queue: str
    #: 0-9, 9 first; on the wire only its list tells, as one of keys.STEPS.
    priority: int = 0
    #: The worker that runs it runs nothing beside it.
    alone: bool = False


@lru_cache(maxsize=1024)
def _task_part(task: str) -> str:
    return f',"task":{_quote(task)}'


def encode(message: Message) -> str:
    """The payload as it lies in the list."""
    end = ALONE_END if message.alone else "}"
    return f'{{"id":{_quote(message.id)}{_task_part(message.task)}{end}'


def is_compact(payload: bytes) -> bool:
    """Whether `payload` is one of ours; else it is a foreign (full Celery) message or rubbish."""
    return payload.startswith(COMPACT_START)


def decode(payload: bytes, queue: str, step: int = 0) -> Message:
    """Read a compact payload that lay in the list of `queue` for `step`; ValueError when it is not one."""
    fields: Any = json.loads(payload.decode())
    try:
        job_id, task = fields["id"], fields["task"]
    except (KeyError, TypeError) as exc:
        raise ValueError(f"not a compact message: {payload[:200]!r}") from exc
    if not isinstance(job_id, str) or not isinstance(task, str):
        raise ValueError(f"not a compact message: {payload[:200]!r}")
    return Message(job_id, task, queue, step, fields.get("alone") == 1)


def decode_foreign(payload: bytes) -> dict[str, Any]:
    """Read a full kombu message; ValueError when it has not the parts that kombu needs."""
    fields: Any = json.loads(payload.decode())
    if not isinstance(fields, dict) or "body" not in fields:
        raise ValueError(f"neither a compact nor a Celery message: {payload[:200]!r}")
    properties = fields.get("properties")
    if not isinstance(properties, dict) or not isinstance(fields.get("headers", {}), dict):
        raise ValueError(f"a Celery message without properties: {payload[:200]!r}")
    return fields
