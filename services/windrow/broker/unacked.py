"""What workers hold, as calls: settle, touch, look at, register again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from windrow.broker.call import Call
from windrow.broker.keys import FOREIGN_SEP, REJECTED_KEY, SEP, unacked_index_key, unacked_key, wake_key
from windrow.broker.publish import WAKE_TOKENS

#: Payloads the rejected list keeps, newest first.
MAX_REJECTED = 1000


class Settlement(NamedTuple):
    """Holds to end; tags are as `take` made them, lists are the names they were popped from."""

    done: Sequence[str] = ()
    refused: Sequence[str] = ()
    #: (tag, list name), oldest first: the oldest is taken next again.
    returned: Sequence[tuple[str, str]] = ()


@lru_cache(maxsize=1024)
def queue_of(list_name: str) -> tuple[str, int]:
    """The queue and the step of one of our lists, or of a list that a Celery producer made for a priority."""
    for sep in (SEP, FOREIGN_SEP):
        queue, _, step = list_name.rpartition(sep)
        if queue and step in ("3", "6", "9"):
            return queue, int(step)
    return list_name, 0


def settle(pool: str, settlement: Settlement) -> Call[int]:
    """End holds; returns how many messages were given back. Harmless to run twice."""
    keys = [unacked_key(pool), unacked_index_key(pool), REJECTED_KEY]
    args: list[str | int] = [WAKE_TOKENS, MAX_REJECTED, len(settlement.done), *settlement.done]
    args += (len(settlement.refused), *settlement.refused)
    for tag, list_name in reversed(settlement.returned):
        keys += (list_name, wake_key(queue_of(list_name)[0]))
        args.append(tag)
    return Call("settle", keys, args, int)


def touch(pool: str, tags: Sequence[str]) -> Call[int]:
    """Tell that the holder of `tags` lives."""
    return Call("touch", (unacked_index_key(pool),), tags, int)


def held(pool: str, worker: str) -> Call[dict[str, tuple[str, bytes]]]:
    """What `worker` holds: tag -> (list name, payload)."""
    return Call("held", (unacked_key(pool),), (f"{worker}{SEP}",), _holds)


def stale(pool: str, seconds: float) -> Call[dict[str, tuple[str, bytes]]]:
    """What is held by workers of `pool` that were not seen for `seconds`, in the same form."""
    return Call("stale", (unacked_key(pool), unacked_index_key(pool)), (int(seconds),), _holds)


def register(pool: str, messages: Mapping[str, tuple[str, bytes]]) -> Call[Any]:
    """Register tag -> (list name, payload) as held where Redis has lost it."""
    args = [
        part for tag, (name, payload) in messages.items() for part in (tag, name.encode() + b"\n" + payload)
    ]
    return Call("register", (unacked_key(pool), unacked_index_key(pool)), args, int)


def _holds(reply: list[bytes]) -> dict[str, tuple[str, bytes]]:
    found = {}
    for tag, value in zip(reply[::2], reply[1::2], strict=True):
        list_name, _, payload = value.partition(b"\n")
        found[tag.decode()] = (list_name.decode(), payload)
    return found
