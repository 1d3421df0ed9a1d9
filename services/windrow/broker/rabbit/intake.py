"""A worker's side of RabbitMQ: how much it wants, what it holds, which holds it wants ended.

Lives as long as its worker process, on Celery's event loop; the feed's thread does the waiting and the talking.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from windrow.broker.intake import LOW_WATER, Budget, Intake
from windrow.broker.rabbit.delivery import RabbitMessage, Tag
from windrow.broker.rabbit.feed import RabbitFeed

NOTHING = Budget(0, paused=True)


class RabbitIntake:
    """Used as an `Intake` is, and told by `attach` how to reach the event loop. For several threads."""

    #: Celery itself takes nothing from these queues.
    takes_itself = True

    def __init__(
        self,
        worker: str,
        pool: str,
        queues: Sequence[str],
        budget: Callable[[], Budget],
        amqp_url: str,
        low_water: int = LOW_WATER,
    ) -> None:
        self.worker = worker
        self._budget = budget
        self._now = NOTHING
        #: Taken, and not offered to the worker yet: no budget counts them.
        self._on_the_way = 0
        self._held: dict[Tag, RabbitMessage] = {}
        self._ended: list[tuple[RabbitMessage, str]] = []
        self._lock = threading.Lock()
        self._looking = False
        self._post: Callable[..., None] | None = None
        self._offer: Callable[[Any], None] = _nobody
        #: Around the delivery of what arrived together, on the event loop.
        self.delivering: Callable[[], AbstractContextManager[object]] = nullcontext
        #: What Celery's own channel gets: it keeps that one steady, and wants nothing.
        self.of_transport = Intake(worker, pool, (), lambda: NOTHING)
        self.feed = RabbitFeed(amqp_url, queues, self, low_water)

    def __repr__(self) -> str:
        return f"<RabbitIntake {self.worker}: {len(self._held)} held>"

    # For the worker door.

    def attach(
        self, post: Callable[..., None], offer: Callable[[Any], None], low: Callable[[], None], prefetch: int
    ) -> None:
        """Begin. `post(call, *args)` runs a call on the event loop, `offer` takes one message there.

        `low()` is called, on any thread, when a queue falls below the relay's low water; `prefetch` is the most
        that one queue pushes to an idle worker.
        """
        self._post, self._offer = post, offer
        self.feed.begin(low, prefetch)

    def rearm(self) -> None:
        """Ask `budget` again soon; from any thread, at any time."""
        post = self._post
        if post is not None and not self._looking:
            self._looking = True
            post(self.look)

    def give_back(self, tags: Iterable[Tag]) -> None:
        """Return held messages to their queues."""
        for tag in tags:
            self.end(tag, "returned")

    def leave(self, redis_url: str) -> None:
        """Send what has ended, and give back the rest with the connection."""
        self.feed.stop()

    # On the event loop.

    def look(self) -> None:
        """Tell the feed what there is room for now."""
        self._looking = False
        budget = self._budget()
        with self._lock:
            changed, self._now = budget != self._now, budget
        if changed:
            self.feed.wake()

    def _deliver(self, messages: Sequence[RabbitMessage]) -> None:
        with self.delivering():
            for message in messages:
                self._offer(message)
        budget = self._budget()
        with self._lock:
            self._on_the_way -= len(messages)
            self._now = budget
        self.feed.wake()

    # For the feed.

    def room(self) -> Budget:
        """What may be taken beyond all that was."""
        with self._lock:
            budget, taken = self._now, self._on_the_way
        if budget.paused:
            return NOTHING
        free = budget.free - taken
        ahead = budget.ahead + min(free, 0) if budget.fast_tasks else 0
        return Budget(max(free, 0), max(ahead, 0), budget.fast_tasks)

    def arrived(self, messages: Sequence[RabbitMessage]) -> None:
        """They are held from now on."""
        if not messages:
            return
        with self._lock:
            self._held.update((message.delivery_tag, message) for message in messages)
            self._on_the_way += len(messages)
        assert self._post is not None
        self._post(self._deliver, list(messages))

    def take_ended(self) -> list[tuple[RabbitMessage, str]]:
        """(message, what became of it) of holds that wait to be ended: done, returned or refused."""
        with self._lock:
            ended, self._ended = self._ended, []
        return ended

    def end(self, tag: Tag, how: str) -> None:
        """What a message's `ack` and `reject` lead to. A second time: nothing."""
        with self._lock:
            message = self._held.pop(tag, None)
            if message is not None:
                # A wake-up that nobody may run is no loss: the ledger knows its job.
                self._ended.append((message, "done" if how == "refused" and not message.foreign else how))
        if message is not None:
            self.feed.wake()


def _nobody(message: Any) -> None:
    raise RuntimeError("The intake is not attached.")
