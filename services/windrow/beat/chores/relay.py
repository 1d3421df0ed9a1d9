"""Relay: fill the windows of the broker from the ledger, highest priority first."""

from __future__ import annotations

import time

from windrow.beat.chores.chore import Pass, Tools
from windrow.beat.chores.post import post
from windrow.beat.chores.quarantine import Quarantine
from windrow.broker.keys import STEPS
from windrow.store.queues import paused
from windrow.store.relay import send, unsend, unsent, unsent_queues

#: The priorities of each step, highest step first.
_RANGES = [(step, low, high) for step, low, high in ((9, 9, 32767), (6, 6, 8), (3, 3, 5), (0, -32768, 2))]
assert {step for step, _, _ in _RANGES} == set(STEPS)


class Relay:
    """queued without a message -> queued with one; the messages of paused queues are withdrawn."""

    name = "relay"

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._bad = Quarantine(tools.settings.quarantine_seconds)
        self._look_at = 0.0

    def run(self) -> Pass:
        settings, run = self._tools.settings, self._tools.ledgers.run
        now = time.monotonic()
        if now >= self._look_at:
            # However often low water wakes the relay.
            self._withdraw()
            self._look_at = now + settings.relay_seconds
        done = 0
        queues = run(unsent_queues)
        depths = self._tools.depth.depths(queues)
        for queue in queues:
            for step, low, high in _RANGES:
                done += self._fill(queue, low, high, settings.window - depths[queue][step])
        return Pass(done, settings.relay_seconds, self._bad.errors())

    def _fill(self, queue: str, low: int, high: int, room: int) -> int:
        run, done = self._tools.ledgers.run, 0
        while room > 0:
            limit = min(room, self._tools.settings.relay_batch)
            results = self._bad.run(
                lambda skip: run(send, queue, low, high, limit, skip),  # noqa: B023 - called at once
                lambda skip: run(unsent, queue, low, high, limit, skip),  # noqa: B023 - called at once
                lambda row: run(send, queue, low, high, 1, (), row),
            )
            sent = [one for part in results for one in part]
            # Committed before it is published: a worker must never meet a message of a job that is not kept.
            if not post(self._tools, sent) or len(sent) < limit:
                return done + len(sent)
            done += len(sent)
            room -= len(sent)
        return done

    def _withdraw(self) -> None:
        for queue in self._tools.ledgers.run(paused):
            # In this order: what is sent in between is sent once more, not never.
            self._tools.depth.withdraw(queue)
            self._tools.ledgers.run(unsend, queue)
