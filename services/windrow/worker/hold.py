"""Everything of one worker put together: desk, ledger thread, outbox, lease, and the way between them."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from celery.utils.log import get_logger

from windrow.broker import choice
from windrow.broker.errors import BrokerUnavailable
from windrow.broker.intake import Budget
from windrow.broker.keys import worker_channel
from windrow.broker.signals import Signals
from windrow.core.answer import answers
from windrow.core.job import Held, Outcome
from windrow.store.claim import GivenBack, give_back
from windrow.store.finish import Finished
from windrow.store.ledger import Ledger
from windrow.store.workers import Renewal
from windrow.worker.declare import declared_tasks
from windrow.worker.desk import Desk, Entry
from windrow.worker.direct import DirectSubmitter
from windrow.worker.foreign import HEADER, Foreign
from windrow.worker.heartbeat import Heartbeat
from windrow.worker.identity import row_of
from windrow.worker.lease import LeaseThread
from windrow.worker.ledger_thread import LedgerThread
from windrow.worker.limits import end_overdue
from windrow.worker.line import LineServer
from windrow.worker.mailbox import Mailbox
from windrow.worker.outbox import Outbox
from windrow.worker.refusals import on_refused
from windrow.worker.settings import WorkerSettings, worker_id
from windrow.worker.short_tasks import ShortTasks
from windrow.worker.slots import Slots
from windrow.worker.strays import Strays
from windrow.worker.verdict import cancelled

logger = get_logger(__name__)


class Hold:
    """Made before the pool forks; `start` begins its threads after that.

    `stop_job(entry)` and `send(entry)` are set by the boot steps, which know Celery's pool and consumer.
    """

    def __init__(self, settings: WorkerSettings, name: str, pool_type: str, app: Any) -> None:
        self.settings = settings
        self.app = app
        self.id = worker_id()
        self.mailbox = Mailbox()
        self.slots = Slots(settings.concurrency * 2)
        self.heartbeat = Heartbeat(settings.heartbeat_path, settings.heartbeat_seconds)
        self.folder = Path(tempfile.mkdtemp(prefix="windrow-"))
        self.line_path = self.folder / "line"
        self.intake = choice.intake(
            self.id, settings.pool, settings.queue_names, self.budget, settings.amqp_url, settings.window
        )
        self.is_prefork = pool_type == "prefork"
        self.ledger = LedgerThread(
            self._connection("worker"),
            self.id,
            self._on_claimed,
            self._on_started,
            self._on_finished,
            self._on_refused,
        )
        self.outbox = Outbox(choice.publisher(settings.redis_url, settings.amqp_url, settings.window))
        self.submitter = DirectSubmitter(self.ledger, self.outbox)
        self.send: Callable[[Entry], None] = _not_started
        self.stop_job: Callable[[Entry], None] = _not_started
        self.desk = Desk(
            self.ledger,
            settings.concurrency,
            settings.claim_ahead,
            ShortTasks(settings.short_task_seconds),
            lambda entry: self.send(entry),
            self.intake.rearm,
            lambda entries: self.give_back(entries, self.desk.left),
        )
        self.strays = Strays(self.id, self.desk.entries, self.ledger, self.outbox)
        self.intake.delivering = self.promptly
        self.foreign = Foreign(app, settings.foreign_queue_names, self.ledger, self.mailbox, self.desk.offer)
        self.row = row_of(settings, self.id, name, pool_type)
        self._introduced = False
        self._late = 0
        self._lease: LeaseThread | None = None
        self._line: LineServer | None = None

    def start(self) -> None:
        """Begin to talk to the ledger."""
        self.heartbeat.start()
        self.ledger.start()
        self.outbox.start()
        self._line = LineServer(self.line_path, self.submitter)
        self._line.start()
        self._lease = LeaseThread(
            self._connection("lease"),
            Signals(self.settings.redis_url, [worker_channel(self.id)]),
            self.row,
            declared_tasks(self.app, self.settings.queue_names[0]),
            self.settings.lease_seconds,
            self,
        )
        self._lease.start()
        if self.intake.takes_itself:
            self.intake.attach(self.mailbox.post, self.take, self._low_water, self.settings.concurrency)

    def stop(self, timeout: float = 10.0) -> None:
        """Save and send what waits, say goodbye, and end the threads."""
        if self._line is not None:
            self._line.stop()
        if not self.ledger.stop(timeout):
            logger.error("The ledger did not take everything in %s s; the rescue will.", timeout)
        # The loop turns no more: what the ledger said last (messages given back) must not be left unread.
        self.mailbox.deliver()
        self.outbox.stop(2.0)
        if self._lease is not None:
            self._lease.stop(2.0)
        self._leave_broker()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _leave_broker(self) -> None:
        try:
            self.intake.leave(self.settings.redis_url)
        except BrokerUnavailable as exc:
            logger.warning("Some messages stay registered under this worker: %s", exc)

    # On the event loop.

    def budget(self) -> Budget:
        """How much the broker may hand over now."""
        room = self.desk.room()
        # Tags of a worker that dies unknown to the ledger would be nobody's to remove.
        if not self._introduced or (not room.free and not room.ahead):
            return Budget(0, paused=True)
        return Budget(room.free, room.ahead, self.desk.short.names())

    def offer(self, message: Any) -> None:
        """A message came in."""
        if HEADER in message.headers:
            self.foreign(message)
        else:
            self.desk.offer(message.headers["id"], message)

    def take(self, message: Any) -> None:
        """A message came in past Celery's own consumer."""
        known = message.headers["task"] in self.app.tasks
        (self.offer if known else self.unknown)(message)

    @contextmanager
    def promptly(self) -> Iterator[None]:
        """Around what may ask the ledger for something: with a child free, no time is lost on other threads."""
        with self.ledger.promptly(lambda: self.desk.busy < self.settings.concurrency):
            yield
        self.mailbox.deliver()

    def unknown(self, message: Any) -> None:
        """A task that this release does not know: the message goes, the job stays queued for those who do."""
        task = message.headers.get("task")
        about = {"job_id": message.headers.get("id"), "task": task}
        logger.error("Task %s is not known here; its job stays queued.", task, extra=about)
        if HEADER in message.headers:
            self.foreign(message)
        else:
            message.ack()

    def give_back(self, entries: Sequence[Entry], left: Callable[[int], None] | None = None) -> None:
        """Return jobs that no child has, to the ledger first and then to the heads of their lists; then say `left`."""
        if not entries:
            return
        tags = [entry.message.delivery_tag for entry in entries]
        future = self.ledger.call(give_back, sorted(entry.job_id for entry in entries), self.id, True)

        def given(done: Future[GivenBack]) -> None:
            self.mailbox.post(self.intake.give_back, tags)
            if not done.exception():
                result = done.result()
                self.outbox.send(jobs=result.freed, finished=result.ended)
            if left is not None:
                self.mailbox.post(left, len(tags))

        future.add_done_callback(given)

    def leave(self, entry: Entry) -> None:
        """Let others run a job whose task this release does not know; the relay sends its next message."""
        self.ledger.call(give_back, [entry.job_id], self.id, True)
        self.desk.forget(entry)

    def drop(self, entry: Entry) -> None:
        """Let go of a job that no child has: cancelled, or somebody else's now."""
        held = entry.held
        if held is not None and self.desk.take(entry):
            self.desk.ended(entry, cancelled(held, None))

    def heard(self, answer: Renewal) -> None:
        """What the ledger said to a renewal."""
        for job_id in (*answer.cancelled, *answer.lost):
            entry = self.desk.entries.get(job_id)
            if entry is None or entry.ended:
                continue
            entry.cancelled = entry.cancelled or job_id in answer.cancelled
            entry.lost = entry.lost or job_id in answer.lost
            self.stop_job(entry)
        self.strays.heard(answer.strays)
        if answer.drain_asked and not self.desk.draining:
            os.kill(os.getpid(), signal.SIGTERM)

    # From the lease's thread.

    def introduced(self) -> None:
        """See `lease.Holder`."""
        self._introduced = True
        self.intake.rearm()

    def state(self) -> tuple[int, bool, Sequence[tuple[str, int]]]:
        """See `lease.Holder`."""
        return self.desk.busy, self.desk.draining, self.desk.held()

    def for_nothing(self) -> tuple[int, int]:
        """See `lease.Holder`."""
        return self.desk.dropped, self._late

    def answered(self, answer: Renewal) -> None:
        """See `lease.Holder`."""
        self.mailbox.post(self.heard, answer)

    def watch(self) -> None:
        """See `lease.Holder`."""
        if not self.is_prefork:
            end_overdue(self.desk)

    # From any thread.

    def started(self, entry: Entry, pid: int, moment: float) -> None:
        """A child began the job."""
        self.desk.started(entry, pid, moment)

    def ended(self, entry: Entry, outcome: Outcome) -> None:
        """The pool is done with the job."""
        if self.is_prefork:
            with self.promptly():
                self.desk.ended(entry, outcome)
        else:
            self.mailbox.post(self.desk.ended, entry, outcome)

    # From the ledger's thread.

    def _low_water(self) -> None:
        self.outbox.send(beat="relay")

    def _on_claimed(self, asked: Sequence[str], held: list[Held]) -> None:
        self.mailbox.post(self.desk.claimed, asked, held)

    def _on_started(self, ids: Sequence[str]) -> None:
        self.outbox.send(events=[{"id": job_id, "state": "running"} for job_id in ids])

    def _on_finished(self, outcomes: Sequence[Outcome], finished: Finished) -> None:
        told = answers(outcomes, finished.records)
        if told and threading.current_thread() is not self.ledger:
            told = self.outbox.answer(told)
        ids = [outcome.job_id for outcome in outcomes]
        dropped = len(ids) - len(finished.ids)
        if dropped:
            self._late += dropped
            logger.warning("%d outcomes came too late: their jobs were taken over.", dropped)
        self.outbox.send(
            jobs=finished.queued,
            # All of them: an outcome that a lost answer made us save twice looks like one that came too late.
            finished=[*ids, *finished.ended],
            beat="promote" if finished.scheduled else None,
            answers=told,
        )
        self.mailbox.post(self.desk.saved, ids)

    def _on_refused(self, outcome: Outcome, exc: Exception) -> None:
        on_refused(self.desk, self.ledger.finished, outcome, exc)

    def _connection(self, part: str) -> Ledger:
        return Ledger(
            self.settings.database_url,
            application_name=f"windrow-{part}",
            prepare=self.settings.prepared_statements,
        )


def _not_started(entry: Entry) -> None:
    raise RuntimeError("The worker has not started.")
