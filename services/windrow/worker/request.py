"""One attempt in Celery's eyes: a Request whose start, end and failure go to the ledger."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from billiard.einfo import ExceptionWithTraceback
from celery.exceptions import TimeLimitExceeded, WorkerLostError
from celery.worker import state as worker_state
from celery.worker.request import Request

from windrow.core.job import Failure, Held, Outcome
from windrow.core.states import State
from windrow.worker.execute import execute
from windrow.worker.verdict import cancelled, child_lost, released, timed_out, with_ids

if TYPE_CHECKING:
    from windrow.worker.desk import Entry
    from windrow.worker.hold import Hold


class LedgerRequest(Request):
    """Runs one claimed job through Celery's pool and tells the desk how it ended."""

    def __init__(self, entry: Entry, held: Held, hold: Hold, consumer: Any, task: Any) -> None:
        self._entry = entry
        self._held = held
        self._hold = hold
        hard = held.hard_limit or task.time_limit or hold.settings.hard_limit_seconds
        soft = held.soft_limit or task.soft_time_limit
        headers = {
            "id": held.id,
            "task": held.task,
            "root_id": held.root_id or held.id,
            "parent_id": held.parent_id,
            "retries": held.retries,
            "argsrepr": held.input[:200],
            "kwargsrepr": "",
            "timelimit": (hard, soft),
            "delivery_info": {"routing_key": held.queue, "exchange": "", "priority": held.priority},
            "reply_to": None,
            "correlation_id": held.id,
        }
        super().__init__(
            entry.message,
            app=consumer.app,
            hostname=consumer.hostname,
            eventer=consumer.event_dispatcher,
            task=task,
            body=((), {}, {}),
            headers=headers,
            decoded=True,
        )

    def execute_using_pool(self, pool: Any, **_: Any) -> Any:
        """Send the attempt to the pool."""
        held = self._held
        hard, soft = self.time_limits
        request = {
            "queue": held.queue,
            "priority": held.priority,
            "retries": held.retries,
            "parent_id": held.parent_id,
            "root_id": held.root_id,
            "hostname": self._hostname,
            "hard_limit": hard,
            "soft_limit": soft,
            "redelivered": held.attempt > 0,
            "attempt": held.attempt + 1,
            "will_retry": held.may_retry,
        }
        return pool.apply_async(
            execute,
            args=(self._entry.run, held.task, held.id, request, held.input, held.options),
            accept_callback=self.on_accepted,
            timeout_callback=self.on_timeout,
            callback=self.on_success,
            error_callback=self.on_failure,
            soft_timeout=soft,
            timeout=hard,
            correlation_id=held.id,
        )

    def revoked(self) -> bool:
        """Cancels come from the ledger; a revoke broadcast has become one before it gets here."""
        return False

    def on_accepted(self, pid: int, time_accepted: float) -> None:
        """A child began."""
        self.worker_pid = pid
        self.time_start = time.time() - (time.monotonic() - time_accepted)
        self._hold.started(self._entry, pid, time_accepted)
        worker_state.task_accepted(self)
        self.send_event("task-started")

    def on_success(self, returned: Any, **_: Any) -> None:
        """A child returned what `child.run` makes of success, failure and retry alike."""
        outcome = with_ids(returned, self._held)
        self._end(outcome)

    def on_failure(self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False) -> None:
        """The pool lost the child, or could not even send the job."""
        exc = exc_info.exception
        if isinstance(exc, ExceptionWithTraceback):
            exc = exc.exc
        if self._entry.ended:
            return
        if self._entry.cancelled:
            self._end(cancelled(self._held, self._entry.began))
        elif isinstance(exc, TimeLimitExceeded):
            self._end(timed_out(self._held, self._entry.began, self.time_limits[0]))
        else:
            message = str(exc) if isinstance(exc, WorkerLostError) else f"{type(exc).__name__}: {exc}"
            self._end(child_lost(self._held, self._entry.began, message))

    def on_timeout(self, soft: bool, timeout: float) -> None:
        """A limit passed: the soft one raised inside the task, the hard one ended its child."""
        if not soft:
            self._end(timed_out(self._held, self._entry.began, timeout))

    def release(self) -> None:
        """Give a started job back: its worker ends."""
        self._end(released(self._held, self._entry.began))

    def _end(self, outcome: Outcome) -> None:
        if self._entry.ended:
            return
        worker_state.task_ready(self, successful=outcome.state is State.SUCCEEDED)
        self._announce(outcome)
        self._hold.ended(self._entry, outcome)

    def _announce(self, outcome: Outcome) -> None:
        """Celery's own event of this end, for Flower and the exporters."""
        if not (self._eventer and self._eventer.enabled):
            return
        failure = outcome.failure or Failure("", "")
        shown = {"exception": f"{failure.cls}({failure.message!r})", "traceback": failure.traceback}
        if outcome.state is State.SUCCEEDED:
            runtime = (outcome.finished_at or 0) - (outcome.started_at or 0)
            self.send_event("task-succeeded", result=(outcome.result or "null")[:200], runtime=runtime)
        elif outcome.state is State.FAILED:
            self.send_event("task-failed", **shown)
        elif outcome.state is State.RETRYING:
            self.send_event("task-retried", **shown)
        elif outcome.state is State.CANCELLED:
            self.send_event("task-revoked", terminated=True, signum=None, expired=False)
