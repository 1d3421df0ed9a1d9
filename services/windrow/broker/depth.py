"""How many messages wait and are held, which ones, and taking them away: for beat, exporter and API."""

from __future__ import annotations

import json
from collections.abc import Container, Sequence

from windrow.broker.call import Call
from windrow.broker.client import BrokerClient
from windrow.broker.keys import SEP, STEPS, queue_keys, unacked_key
from windrow.broker.message import is_compact
from windrow.broker.unacked import Settlement, held, settle, stale

#: How far `ids` looks into each list: well over any window.
MAX_LOOK = 20_000


def depths(queues: Sequence[str]) -> Call[dict[str, dict[int, int]]]:
    """Waiting messages: queue -> step -> number."""

    def read(reply: list[int]) -> dict[str, dict[int, int]]:
        numbers = iter(reply)
        return {queue: {step: next(numbers) for step in STEPS} for queue in queues}

    return Call("depths", [key for queue in queues for key in queue_keys(queue)[:4]], (), read)


def in_flight(pools: Sequence[str]) -> Call[dict[str, int]]:
    """Held messages: pool -> number."""
    return Call(
        "in_flight",
        [unacked_key(pool) for pool in pools],
        (),
        lambda reply: dict(zip(pools, reply, strict=True)),
    )


def ids(queue: str, pools: Sequence[str]) -> Call[set[str]]:
    """The ids of the jobs of `queue` that have a message, waiting or held by a worker of `pools`."""
    keys = [*queue_keys(queue)[:4], *(unacked_key(pool) for pool in pools)]
    return Call("ids", keys, (MAX_LOOK,), lambda reply: set(_ids(reply)))


def withdraw(queue: str) -> Call[list[str]]:
    """Remove what waits in `queue` and return the ids; full Celery messages stay."""
    return Call("withdraw", queue_keys(queue), (), _ids)


def _ids(payloads: list[bytes]) -> list[str]:
    return [json.loads(payload)["id"] for payload in payloads]


class Depth:
    """The same for blocking code; every method raises BrokerUnavailable. For several threads."""

    #: Whether `ids` can tell: a RabbitMQ shows nobody its messages.
    shows_ids = True

    def __init__(self, redis_url: str, *, timeout: float = 2.0) -> None:
        self._client = BrokerClient(redis_url, timeout=timeout)

    def depths(self, queues: Sequence[str]) -> dict[str, dict[int, int]]:
        """Waiting messages: queue -> step (0, 3, 6, 9) -> number."""
        return self._client.run(depths(queues)) if queues else {}

    def in_flight(self, pool: str) -> int:
        """Messages that the workers of `pool` hold."""
        return self._client.run(in_flight([pool]))[pool]

    def ping(self) -> None:
        """Whether the broker answers; raises BrokerUnavailable."""
        self.in_flight("")

    def ids(self, queue: str, pools: Sequence[str]) -> set[str]:
        """Ids of the jobs of `queue` with a message, waiting or held by a worker of `pools`, at one instant."""
        return self._client.run(ids(queue, pools))

    def withdraw(self, queue: str) -> list[str]:
        """Remove what waits in `queue` and return the ids; full Celery messages stay."""
        return self._client.run(withdraw(queue))

    def forget_worker(self, pool: str, worker: str) -> int:
        """End the holds of a dead worker and return how many; full Celery messages go back to their list."""
        return self._forget(pool, self._client.run(held(pool, worker)))

    def forget_stale(self, pool: str, seconds: float, living: Container[str] = ()) -> int:
        """The same for workers of `pool` that did not touch their holds for `seconds` (they do every 5).

        Those `living` are left alone: a task may block its worker's loop for long.
        """
        found = self._client.run(stale(pool, seconds))
        dead = {tag: value for tag, value in found.items() if tag.rpartition(SEP)[0] not in living}
        return self._forget(pool, dead)

    def _forget(self, pool: str, found: dict[str, tuple[str, bytes]]) -> int:
        ours = [tag for tag, (_, payload) in found.items() if is_compact(payload)]
        foreign = [(tag, name) for tag, (name, payload) in found.items() if not is_compact(payload)]
        if found:
            self._client.run(settle(pool, Settlement(done=ours, returned=foreign)))
        return len(found)

    def close(self) -> None:
        """Close every connection; the next call opens one again."""
        self._client.close()
