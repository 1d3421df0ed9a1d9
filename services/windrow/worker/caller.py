"""The ledger as a caller's process sees it: a web server, a script, a notebook that calls `delay`."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from kombu.exceptions import OperationalError

from windrow.broker import choice
from windrow.broker.errors import BrokerUnavailable
from windrow.broker.keys import BEAT_CHANNEL, worker_channel
from windrow.broker.message import Message
from windrow.broker.publisher import Publisher
from windrow.core.errors import LedgerUnavailable
from windrow.core.job import NewChord, NewJob
from windrow.core.states import State
from windrow.store.accept import accept
from windrow.store.control import Cancelled, cancel
from windrow.store.ledger import Ledger
from windrow.store.metas import metas
from windrow.store.progress import Report, save_progress
from windrow.store.revoke import cancel_queued, cancel_waiting
from windrow.store.submit import Submitted, submit
from windrow.worker.caller_settings import CallerSettings
from windrow.worker.shared_commit import SharedCommit

logger = logging.getLogger(__name__)
T = TypeVar("T")


class NotAccepted(LedgerUnavailable, OperationalError):
    """Nothing was accepted; a kombu OperationalError too, which callers of `apply_async` know."""


class Caller:
    """A `Submitter` for a process that is no worker; connects at first use, and again after a fork."""

    def __init__(self, settings: Callable[[], CallerSettings]) -> None:
        self._read_settings = settings
        self._settings: CallerSettings | None = None
        self._publisher: Publisher | None = None
        #: Of a parent process: kept, because to drop them would close them.
        self._inherited: list[Ledger | None] = []
        self._ledger: Ledger | None = None
        self._begin()

    def _begin(self) -> None:
        """A process of its own: locks that a parent's threads may hold are not taken over."""
        self._pid = os.getpid()
        self._inherited.append(self._ledger)
        self._ledger = None
        self._lock = threading.Lock()
        self._commit = SharedCommit(self._lock, lambda jobs: self._run(accept, jobs))

    @property
    def settings(self) -> CallerSettings:
        """Read at first use: importing an app that is adopted must need no environment."""
        if self._settings is None:
            self._settings = self._read_settings()
        return self._settings

    def submit(self, jobs: Sequence[NewJob], chords: Sequence[NewChord] = ()) -> None:
        """See Submitter; the jobs' messages follow at once, best effort."""
        if chords:
            done = self.run(submit, jobs, chords)
        else:
            self._check_process()
            states = {one.id: one.state for one in self._commit.save(jobs) if one.inserted}
            queued = [job for job in jobs if states.get(job.id) is State.QUEUED]
            done = Submitted(queued, State.SCHEDULED in states.values())
        self._publish(
            [Message(job.id, job.task, job.queue, job.priority) for job in done.queued],
            signals=[(BEAT_CHANNEL, "promote")] if done.scheduled else [],
        )

    def metas(self, job_ids: Sequence[str]) -> list[dict[str, Any] | None]:
        """See Submitter."""
        found: list[dict[str, Any] | None] = self.run(metas, job_ids)
        return found

    def cancel(self, job_ids: Sequence[str]) -> None:
        """See Submitter."""
        self._tell(self.run(cancel, job_ids))

    def revoke(self, job_ids: Sequence[str]) -> None:
        """Cancel those that do not run yet."""
        self._tell(self.run(cancel_waiting, job_ids))

    def purge(self, queues: Sequence[str]) -> int:
        """Cancel some of the queues' queued jobs; returns how many, 0 when none is left."""
        count: int = self.run(cancel_queued, queues)
        return count

    def _tell(self, done: Cancelled) -> None:
        self._publish(
            [Message(job.id, job.task, job.queue, job.priority) for job in done.queued],
            finished=[*(change.id for change in done.changes if change.after.is_final), *done.ended],
            signals=[
                (worker_channel(change.worker), "renew")
                for change in done.changes
                if change.worker and not change.after.is_final
            ],
        )

    def progress(self, job_id: str, state: str, meta: str) -> None:
        """See Submitter."""
        self.run(save_progress, [Report(job_id, state, meta)])

    def run(self, op: Any, *args: Any) -> Any:
        """Run one operation of the store. Raises NotAccepted when Postgres does not answer."""
        self._check_process()
        with self._lock:
            return self._run(op, *args)

    def _run(self, op: Any, *args: Any) -> Any:
        ledger = self._connection()
        try:
            return ledger.run(op, *args)
        except LedgerUnavailable:
            # The server may have been restarted since the last call; operations may run twice.
            try:
                return ledger.run(op, *args)
            except LedgerUnavailable as exc:
                raise NotAccepted(str(exc)) from exc

    def close(self) -> None:
        """Close the connections; the next call opens them again."""
        self._check_process()
        with self._lock:
            if self._ledger is not None:
                self._ledger.close()
            self._ledger = None

    def _publish(self, messages: Sequence[Message] = (), **more: Any) -> None:
        if not (messages or any(more.values())):
            return
        publisher = self._publisher
        if publisher is None:
            settings = self.settings
            publisher = choice.publisher(settings.redis_url, settings.amqp_url, settings.window)
            self._publisher = publisher
        try:
            sent = publisher.publish(messages, **more)
            if sent.refused_ids:
                publisher.signal(BEAT_CHANNEL, "relay")
        except BrokerUnavailable as exc:
            logger.warning(
                "The broker did not take %d messages; the relay will send them: %s", len(messages), exc
            )

    def _connection(self) -> Ledger:
        if self._ledger is None:
            self._ledger = Ledger(
                self.settings.database_url,
                application_name="windrow-caller",
                prepare=self.settings.prepared_statements,
            )
        return self._ledger

    def _check_process(self) -> None:
        if self._pid != os.getpid():
            self._begin()
