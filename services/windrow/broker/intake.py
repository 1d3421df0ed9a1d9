"""A worker's side of the broker: how much it wants, what it holds, which holds it wants ended.

One intake lives as long as its worker process; connections, channels and their transports come and go. The
worker door makes it, puts it into the transport options as `windrow_intake`, and keeps it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Container, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

from windrow.broker.call import Call
from windrow.broker.client import BrokerClient
from windrow.broker.depth import Depth
from windrow.broker.keys import SEP
from windrow.broker.unacked import Settlement, settle

#: Messages in one take at most: bounds the time Redis spends in the script.
MAX_TAKE = 500
#: A list that falls below this wakes the relay, once: the ledger may have more for it.
LOW_WATER = 800


class Budget(NamedTuple):
    """What a worker can use now."""

    #: Messages of any task: free children.
    free: int
    #: More messages beyond that, only of tasks that are known to be short.
    ahead: int = 0
    fast_tasks: tuple[str, ...] = ()
    #: Take nothing at all, e.g. while draining or while a job runs alone.
    paused: bool = False


class Holding(NamedTuple):
    """A message that was taken and is not settled."""

    queue: str
    #: One of keys.STEPS; for a Celery message whatever its producer's steps are.
    step: int
    list_name: str
    payload: bytes
    #: A full Celery message: the ledger does not know it yet, so it must not simply vanish.
    foreign: bool


def low_water(window: int) -> int:
    """LOW_WATER, and under half of a small window: a list that is never above it wakes nobody."""
    return max(1, min(LOW_WATER, window * 2 // 5))


class Intake:
    """What `worker` of `pool` takes from `queues`; for several threads.

    `queues` may be a live set: a queue counts from the moment that it is consumed from. `budget` is asked
    several times an event-loop turn: it should be cheap.
    """

    def __init__(
        self,
        worker: str,
        pool: str,
        queues: Container[str],
        budget: Callable[[], Budget],
        low_water: int = LOW_WATER,
    ) -> None:
        self.worker = worker
        self.pool = pool
        self.queues = queues
        self.budget = budget
        self.low_water = low_water
        self.prefix = f"{worker}{SEP}"
        # Not from 1: a worker that restarts under the same id must not reuse a tag.
        self._seq = time.time_ns() // 1000
        self._held: dict[str, Holding] = {}
        self._pending: list[tuple[str, str, str]] = []
        self._lock = threading.Lock()
        self._wake: Callable[[], object] | None = None
        #: Around the delivery of what one take brought, on the event loop.
        self.delivering: Callable[[], AbstractContextManager[object]] = nullcontext

    def __repr__(self) -> str:
        return f"<Intake {self.worker} of {self.pool}: {len(self._held)} held>"

    def __json__(self) -> str:
        # Celery shows transport options in `inspect stats`.
        return repr(self)

    # For the worker door.

    #: Celery's own consumer takes from these queues, over our channel.
    takes_itself = False

    @property
    def of_transport(self) -> Intake:
        """What belongs into the transport options."""
        return self

    def leave(self, redis_url: str) -> None:
        """Send what has ended, and forget this worker's holds. Raises BrokerUnavailable."""
        client = BrokerClient(redis_url)
        try:
            self.flush(client.run)
            Depth(redis_url).forget_worker(self.pool, self.worker)
        finally:
            client.close()

    def rearm(self) -> None:
        """Have the event loop ask `budget` again now; from any thread, at any time."""
        wake = self._wake
        if wake is not None:
            wake()

    def tags(self) -> list[str]:
        """The tags of all held messages, oldest first: what to touch."""
        with self._lock:
            return list(self._held)

    def give_back(self, tags: Iterable[str]) -> None:
        """Return held messages to the heads of their lists, in the order they were taken."""
        wanted = set(tags)
        with self._lock:
            chosen = [tag for tag in self._held if tag in wanted]
            self._pending += [(tag, "returned", self._held.pop(tag).list_name) for tag in chosen]

    def flush(self, run: Callable[[Call[int]], int]) -> None:
        """Send the holds that wait to be ended through `run`; what it raises leaves them waiting.

        The event loop does this by itself; a drain does it last, with `BrokerClient.run`.
        """
        pending = self.take_pending()
        if not pending:
            return
        try:
            run(settle(self.pool, as_settlement(pending)))
        except BaseException:
            self.put_pending(pending)
            raise

    # For the channel.

    def on_wake(self, wake: Callable[[], object]) -> None:
        """Say how to turn the event loop: `rearm` calls it."""
        self._wake = wake

    def reserve(self, count: int) -> int:
        """The first of `count` sequence numbers."""
        first, self._seq = self._seq, self._seq + count
        return first

    def hold(self, tag: str, holding: Holding) -> None:
        """Remember a message that was taken."""
        with self._lock:
            self._held[tag] = holding

    def holding(self, tag: str) -> Holding | None:
        """What is held under `tag`, or None when it is not (any more)."""
        return self._held.get(tag)

    def owns(self, tag: Any) -> bool:
        """Whether `tag` is one of this worker's, held or settled."""
        return isinstance(tag, str) and tag.startswith(self.prefix)

    def done(self, tag: str) -> None:
        """The message has served its purpose. A second time, or after it was given back: nothing."""
        with self._lock:
            if self._held.pop(tag, None) is not None:
                self._pending.append((tag, "done", ""))

    def refuse(self, tag: str) -> None:
        """Nobody may run it: into the rejected list, if it is more than a wake-up."""
        with self._lock:
            holding = self._held.pop(tag, None)
            if holding is not None:
                self._pending.append((tag, "refused" if holding.foreign else "done", ""))

    def snapshot(self) -> tuple[dict[str, Holding], set[str]]:
        """What is held, and the tags whose end was not sent yet."""
        with self._lock:
            return dict(self._held), {tag for tag, _, _ in self._pending}

    @property
    def pending(self) -> int:
        """How many ended holds wait to be sent."""
        return len(self._pending)

    def take_pending(self) -> list[tuple[str, str, str]]:
        """Take the ended holds that wait: (tag, what became of it, list name)."""
        with self._lock:
            pending, self._pending = self._pending, []
        return pending

    def put_pending(self, pending: list[tuple[str, str, str]]) -> None:
        """Put them back: they could not be sent."""
        with self._lock:
            self._pending = pending + self._pending


def as_settlement(pending: Iterable[tuple[str, str, str]]) -> Settlement:
    """Sort ended holds by what became of them."""
    done: list[str] = []
    refused: list[str] = []
    returned: list[tuple[str, str]] = []
    for tag, outcome, list_name in pending:
        if outcome == "done":
            done.append(tag)
        elif outcome == "refused":
            refused.append(tag)
        else:
            returned.append((tag, list_name))
    return Settlement(done, refused, sorted(returned, key=lambda pair: age(pair[0])))


def age(tag: str) -> int:
    """The sequence number in `tag`: a smaller one was taken earlier."""
    number = tag.rpartition(SEP)[2]
    return int(number) if number.isdigit() else 0
