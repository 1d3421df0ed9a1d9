"""What this worker holds, from the message that came in to the acknowledgement that goes out.

Lives on Celery's event loop. A job goes through: asked (a message is here, its claim is under way), ready
(claimed), out (in the pool), ended (its outcome is under way to the ledger), gone (saved, message acked).
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from celery.utils.log import get_logger

from windrow.core.job import Held, Outcome
from windrow.worker.short_tasks import ShortTasks

logger = get_logger(__name__)


@dataclass(slots=True, eq=False)
class Entry:
    """One job that this worker holds."""

    job_id: str
    #: kombu's message; acked when the job is gone.
    message: Any
    held: Held | None = None
    #: The number under which the pool runs it; never used twice by this process.
    run: int = 0
    pid: int | None = None
    #: When the child began, by time.monotonic().
    began: float | None = None
    ended: bool = False
    cancelled: bool = False
    lost: bool = False
    #: The ledger could not store an outcome of it.
    refused: bool = False
    request: Any = None
    deliveries: list[Any] = field(default_factory=list)


class Ledger(Protocol):
    """The part of the ledger thread that the desk uses."""

    def claim(self, job_id: str) -> None: ...
    def started(self, job_id: str, token: int, moment: float) -> None: ...
    def finished(self, outcome: Outcome, soon: bool = True) -> None: ...


@dataclass(frozen=True, slots=True)
class Room:
    """How many more jobs may be taken: anybody's, and beyond that those of short tasks."""

    free: int
    ahead: int


class Desk:
    """The jobs of one worker. `send` gives an entry to the pool; `changed` is called when room may have grown.

    `give_back` returns entries to the ledger and the broker, and calls `left` with their number when that is done.
    """

    def __init__(
        self,
        ledger: Ledger,
        concurrency: int,
        claim_ahead: int,
        short: ShortTasks,
        send: Callable[[Entry], None],
        changed: Callable[[], None],
        give_back: Callable[[list[Entry]], None],
    ) -> None:
        self.entries: dict[str, Entry] = {}
        self.short = short
        self.draining = False
        #: Messages of jobs that nobody can claim (any more), dropped.
        self.dropped = 0
        self._ledger = ledger
        self._concurrency = concurrency
        self._ahead = claim_ahead * concurrency
        self._send = send
        self._changed = changed
        self._give_back = give_back
        self._ready: deque[Entry] = deque()
        self._asked = 0
        self._out = 0
        self._alone: Entry | None = None
        #: Jobs that are on their way back.
        self._leaving = 0
        self._runs = itertools.count(1)

    @property
    def busy(self) -> int:
        """Jobs in the pool."""
        return self._out

    def room(self) -> Room:
        """What may be taken now."""
        waiting = self._asked + len(self._ready) + self._out
        if self.draining or self._alone is not None or (self._ready and _is_alone(self._ready[0])):
            return Room(0, 0)
        free = max(0, self._concurrency - waiting)
        # Ahead half a desk at a time: a take and a claim for every job that ends cost more than a short job.
        ahead = self._ahead - waiting - free if waiting <= self._ahead // 2 else 0
        return Room(free, max(0, ahead))

    def offer(self, job_id: str, message: Any) -> None:
        """A message came in."""
        entry = self.entries.get(job_id)
        if entry is not None:
            # A second message of a job that is here: acked together with the first.
            entry.deliveries.append(message)
            return
        self.entries[job_id] = Entry(job_id, message)
        self._asked += 1
        self._ledger.claim(job_id)

    def claimed(self, asked: Sequence[str], held: Sequence[Held]) -> None:
        """The ledger answered a claim of `asked`; what is not in `held` is nobody's to run."""
        found = {job.id: job for job in held}
        for job_id in asked:
            entry = self.entries.get(job_id)
            if entry is None or entry.held is not None:
                continue
            self._asked -= 1
            job = found.get(job_id)
            if job is None:
                self.dropped += 1
                self._go(entry)
            else:
                entry.held = job
                entry.run = next(self._runs)
                self._ready.append(entry)
        self.pump()
        self._changed()

    def pump(self) -> None:
        """Give the pool what it can take; a job that runs alone waits until nothing else is here."""
        while self._ready and not self.draining:
            entry = self._ready[0]
            if self._alone is not None or (_is_alone(entry) and not self._clear_for(entry)):
                return
            if self._out >= self._limit(entry):
                return
            self._ready.popleft()
            if _is_alone(entry):
                self._alone = entry
            self._out += 1
            self._send(entry)

    def _clear_for(self, suspect: Entry) -> bool:
        """Whether the suspect is all that this worker holds: what dies with it would share its blame, or take it.

        What no child has goes back; for the rest it waits.
        """
        others = [entry for entry in self._ready if entry is not suspect]
        if others:
            self._ready = deque([suspect])
            for entry in others:
                del self.entries[entry.job_id]
            self._leaving += len(others)
            self._give_back(others)
        return not self._leaving and len(self.entries) == 1

    def left(self, number: int) -> None:
        """So many of those that were on their way back are no longer ours."""
        self._leaving -= number
        self.pump()

    def started(self, entry: Entry, pid: int, moment: float) -> None:
        """A child began the job; thread-safe."""
        entry.pid = pid
        entry.began = moment
        if entry.held is not None:
            self._ledger.started(entry.job_id, entry.held.token, moment)

    def ended(self, entry: Entry, outcome: Outcome) -> None:
        """The pool is done with the job: its child is free, its outcome goes to the ledger."""
        if entry.ended:
            return
        entry.ended = True
        self._leave_pool(entry)
        if outcome.started_at is not None and outcome.finished_at is not None:
            self.short.add(entry.held.task if entry.held else "", outcome.finished_at - outcome.started_at)
        # With more jobs here than children the next outcomes come at once; else somebody may wait for this one.
        self._ledger.finished(outcome, soon=not self._ready and self._out < self._concurrency)
        self.pump()
        self._changed()

    def saved(self, job_ids: Sequence[str]) -> None:
        """The ledger has the outcomes: the messages may go."""
        for job_id in job_ids:
            entry = self.entries.get(job_id)
            if entry is not None:
                self._go(entry)
        if self._ready:
            self.pump()
        self._changed()

    def withdraw(self) -> list[Entry]:
        """Take back everything that no child has; the caller returns it to the ledger and the broker."""
        entries = list(self._ready)
        self._ready.clear()
        for entry in entries:
            del self.entries[entry.job_id]
        return entries

    def take(self, entry: Entry) -> bool:
        """Take one job back before a child has it; False when one has."""
        if entry not in self._ready:
            return False
        self._ready.remove(entry)
        # Counted as out, as `ended` expects.
        self._out += 1
        return True

    def forget(self, entry: Entry) -> None:
        """A job that the pool cannot run after all is somebody else's."""
        self._leave_pool(entry)
        self._go(entry)

    def running(self) -> list[Entry]:
        """The jobs that the pool has."""
        return [e for e in list(self.entries.values()) if e.request is not None and not e.ended]

    def held(self) -> list[tuple[str, int]]:
        """(id, token) of every job that is claimed and not ended; safe to call from another thread."""
        return [(e.job_id, e.held.token) for e in list(self.entries.values()) if e.held and not e.ended]

    def _limit(self, entry: Entry) -> int:
        # A few short ones wait inside the pool, so that a child never waits for this loop.
        short = entry.held is not None and entry.held.task in self.short
        return self._concurrency * 4 if short else self._concurrency

    def _leave_pool(self, entry: Entry) -> None:
        self._out -= 1
        if self._alone is entry:
            self._alone = None

    def _go(self, entry: Entry) -> None:
        del self.entries[entry.job_id]
        entry.message.ack()
        for message in entry.deliveries:
            if entry.ended:
                # Perhaps the job's next run (a retry, a replaced task), published before we heard of its last one.
                self.offer(entry.job_id, message)
            else:
                message.ack()


def _is_alone(entry: Entry) -> bool:
    return entry.held is not None and entry.held.alone
