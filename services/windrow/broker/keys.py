"""The only list of Redis names: priority lists, wake keys, unacked hashes, pub/sub channels."""

from __future__ import annotations

#: Between a queue and its priority step. kombu's bindings keep kombu's own separator.
SEP = ":"
#: Between a queue and its step where a Celery producer set a priority; kombu takes 0 first there.
FOREIGN_SEP = "\x06\x16"
#: Priorities 0-9 fall into four lists; 9 is taken first.
STEPS = (0, 3, 6, 9)

#: Payload: JSON list of ids of jobs that reached a final state or changed.
DONE_CHANNEL = "windrow:done"
#: Payload: JSON list of a job's id and two texts, the seal and the record of `core.answer`.
ANSWERS_CHANNEL = "windrow:answers"
#: Payload: JSON object with "id" and what happened, for server-sent events.
EVENTS_CHANNEL = "windrow:events"
#: Payload: "promote" or "relay".
BEAT_CHANNEL = "windrow:beat"
#: Payloads that nobody may run (foreign on a closed queue, malformed), newest first, bounded.
REJECTED_KEY = "windrow:rejected"


def step_of(priority: int) -> int:
    """The step that `priority` (0-9) falls into."""
    return STEPS[min(max(priority, 0), 9) // 3]


def list_name(queue: str, priority: int = 0) -> str:
    """The Redis list of `queue` for `priority`: `q`, `q:3`, `q:6` or `q:9`."""
    step = step_of(priority)
    return f"{queue}{SEP}{step}" if step else queue


def wake_key(queue: str) -> str:
    """The list of wake tokens on which idle workers of `queue` block."""
    return f"{queue}{SEP}wake"


def queue_keys(queue: str) -> tuple[str, str, str, str, str]:
    """The four priority lists in the order of STEPS, then the wake key: what the scripts expect."""
    return (queue, f"{queue}:3", f"{queue}:6", f"{queue}:9", f"{queue}:wake")


def unacked_key(pool: str) -> str:
    """The hash of messages that the workers of `pool` hold: tag -> list name, newline, payload."""
    return f"unacked{SEP}{pool}"


def unacked_index_key(pool: str) -> str:
    """The sorted set of the same tags; the score is when the holder was last seen (Redis' seconds)."""
    return f"unacked_index{SEP}{pool}"


def worker_channel(worker: str) -> str:
    """The channel of one worker; payload "renew": look at the ledger now."""
    return f"windrow:worker:{worker}"
