"""What a broker still has of a ledger that was replaced by an earlier one: messages, and holds of its workers."""

from __future__ import annotations

from typing import Any, NamedTuple

import redis

from windrow.broker.connect import connect
from windrow.broker.depth import Depth
from windrow.broker.errors import BrokerUnavailable
from windrow.broker.keys import SEP, STEPS, unacked_key
from windrow.broker.message import is_compact

_SCAN = 1000
_ENDINGS = tuple(f"{SEP}{step}" for step in STEPS if step)


class Leftovers(NamedTuple):
    """What was found and taken away."""

    #: Queues with messages of ours, those among them that the ledger does not know.
    queues: list[str]
    messages: int
    #: Holds of workers that are gone with the ledger that knew them.
    holds: int


def sweep(redis_url: str, known: list[str], timeout: float = 5.0) -> Leftovers:
    """Withdraw every compact message of every queue, and end every hold. Full Celery messages stay in their lists.

    `known` are queues to empty besides those that are found. Raises BrokerUnavailable.
    """
    client: Any = connect(redis_url, timeout, 2)
    try:
        lists = [key.decode() for key in client.scan_iter(_type="list", count=_SCAN)]
        queues = sorted({*known, *(_queue(key) for key in lists if _is_ours(client, key))})
        pools = [
            key.decode().removeprefix(unacked_key(""))
            for key in client.scan_iter(match=f"{unacked_key('')}*", _type="hash", count=_SCAN)
        ]
    except redis.RedisError as exc:
        raise BrokerUnavailable(str(exc)) from exc
    finally:
        client.connection_pool.disconnect()
    depth = Depth(redis_url, timeout=timeout)
    try:
        # Holds first: what a full message goes back to its list for is not ours to withdraw.
        holds = sum(depth.forget_stale(pool, -1.0) for pool in pools)
        messages = sum(len(depth.withdraw(queue)) for queue in queues)
    finally:
        depth.close()
    return Leftovers(queues, messages, holds)


def _is_ours(client: Any, key: str) -> bool:
    return any(map(is_compact, client.lrange(key, 0, 0) + client.lrange(key, -1, -1)))


def _queue(key: str) -> str:
    for ending in _ENDINGS:
        if key.endswith(ending):
            return key[: -len(ending)]
    return key
