"""Messages and signals on their way to the broker: after the commit, best effort, and never waited for."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress

from windrow.api.metrics import Metrics
from windrow.broker.async_publisher import AsyncPublisher
from windrow.broker.errors import BrokerUnavailable
from windrow.broker.keys import BEAT_CHANNEL, step_of, worker_channel
from windrow.broker.message import Message
from windrow.core.errors import LedgerUnavailable
from windrow.store import queues
from windrow.store.async_ledger import AsyncLedger

logger = logging.getLogger(__name__)

PROMOTE = (BEAT_CHANNEL, "promote")
RELAY = (BEAT_CHANNEL, "relay")

MAX_BATCH = 1_000
#: Messages that may wait here; what comes on top is the relay's.
MAX_PENDING = 20_000
#: Seconds that a full window or a broker that is away is not tried again: the relay serves it meanwhile.
REST_SECONDS = 0.25


class Outbox:
    """Sends what it is given in few calls; what cannot be sent is left to the relay, in the ledger."""

    def __init__(self, publisher: AsyncPublisher, ledger: AsyncLedger, metrics: Metrics) -> None:
        self._publisher = publisher
        self._ledger = ledger
        self._metrics = metrics
        self._messages: list[Message] = []
        # Each once per call is enough, however many ask.
        self._signals: dict[tuple[str, str], None] = {}
        self._finished: list[str] = []
        self._full: dict[tuple[str, int], float] = {}
        self._away_until = 0.0
        self._task: asyncio.Task[None] | None = None

    def takes(self, queue: str, priority: int) -> bool:
        """Whether a message has a chance; else the job is better inserted as the relay's to send."""
        now = time.monotonic()
        return self._away_until <= now and self._full.get((queue, step_of(priority)), 0.0) <= now

    def send(
        self,
        messages: Sequence[Message] = (),
        *,
        signals: Iterable[tuple[str, str]] = (),
        finished: Sequence[str] = (),
    ) -> None:
        """Send soon. `finished` are jobs that reached a final state: readers who wait are woken."""
        self._messages += messages
        self._signals.update(dict.fromkeys(signals))
        self._finished += finished
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    def wake_worker(self, worker: str) -> None:
        """Have a worker look at the ledger now: one of its jobs shall stop."""
        self.send(signals=[(worker_channel(worker), "renew")])

    async def close(self) -> None:
        """Send what waits."""
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        while self._messages or self._signals or self._finished:
            overflow = self._messages[MAX_PENDING:]
            batch = self._messages[:MAX_BATCH]
            self._messages = self._messages[MAX_BATCH:MAX_PENDING]
            signals, self._signals = list(self._signals), {}
            finished, self._finished = self._finished, []
            try:
                await self._leave([m.id for m in overflow], "overflow")
                await self._send(batch, finished, signals)
            except Exception:
                # What is lost here, the relay finds; the next messages must not be lost with it.
                logger.exception("%d messages were not sent", len(batch))

    async def _send(
        self, batch: Sequence[Message], finished: Sequence[str], signals: Sequence[tuple[str, str]]
    ) -> None:
        try:
            published = await self._publisher.publish(batch, finished=finished, signals=signals)
        except BrokerUnavailable:
            self._away_until = time.monotonic() + REST_SECONDS
            await self._leave([m.id for m in batch], "broker_unavailable")
            return
        if published.refused_ids:
            refused = set(published.refused_ids)
            until = time.monotonic() + REST_SECONDS
            self._full |= {(m.queue, step_of(m.priority)): until for m in batch if m.id in refused}
            await self._leave(sorted(refused), "window_full")
            self._signals[RELAY] = None

    async def _leave(self, job_ids: list[str], reason: str) -> None:
        """Tell the ledger that these messages were not sent; without it the relay finds out by itself, later."""
        if job_ids:
            self._metrics.unsent.labels(reason).inc(len(job_ids))
            with suppress(LedgerUnavailable):
                await self._ledger.run(queues.unpublish, job_ids)
