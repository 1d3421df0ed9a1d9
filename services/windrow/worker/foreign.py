"""Full Celery messages from producers who know nothing of a ledger: saved first, then claimed like any other job."""

from __future__ import annotations

from collections.abc import Callable, Container
from concurrent.futures import Future
from typing import Any

from celery.utils.log import get_logger

from windrow.core.errors import LedgerUnavailable
from windrow.core.job import NewJob
from windrow.store.accept import accept
from windrow.worker.ledger_thread import LedgerThread
from windrow.worker.mailbox import Mailbox

logger = get_logger(__name__)

HEADER = "windrow_foreign"


class Refused(Exception):
    """No job can be made of this message; says why and what to do."""


class Foreign:
    """Takes a foreign message on the event loop; `saved(job_id, message)` follows once its job is committed."""

    def __init__(
        self,
        app: Any,
        queues: Container[str],
        ledger: LedgerThread,
        mailbox: Mailbox,
        saved: Callable[[str, Any], None],
    ) -> None:
        self._app = app
        self._queues = queues
        self._ledger = ledger
        self._mailbox = mailbox
        self._saved = saved
        #: Messages put on the rejected list.
        self.refused = 0

    def __call__(self, message: Any) -> None:
        """Save it when its queue accepts foreign messages, else put it on the rejected list."""
        queue = message.delivery_info["routing_key"]
        if queue not in self._queues:
            self._refuse(message, f"queue {queue!r} takes no messages but Windrow's (WINDROW_FOREIGN_QUEUES)")
            return
        try:
            job = self._job(message, queue)
        except Refused as exc:
            self._refuse(message, str(exc))
            return
        except Exception as exc:
            self._refuse(message, f"{type(exc).__name__}: {exc}")
            return
        future = self._ledger.call(accept, [job])
        future.add_done_callback(lambda done: self._mailbox.post(self._answered, message, job, done))

    def _job(self, message: Any, queue: str) -> NewJob:
        body = message.payload
        if not isinstance(body, (list, tuple)) or len(body) != 3:
            raise ValueError("not a message of Celery's protocol 2")
        args, kwargs, embed = body
        _refuse_chords(embed or {})
        headers = {k: v for k, v in message.headers.items() if k != HEADER}
        priority = message.properties.get("priority")
        job: NewJob = self._app.windrow.capture.job(
            (args, kwargs, embed or {}), headers, "", queue, None, priority
        )
        return job

    def _answered(self, message: Any, job: NewJob, done: Future[Any]) -> None:
        failure = done.exception()
        if failure is None:
            self._saved(job.id, message)
        elif isinstance(failure, LedgerUnavailable):
            # Nobody else knows of it: it stays held until the ledger is back.
            self(message)
        else:
            self._refuse(message, f"the ledger refuses it: {failure}")

    def _refuse(self, message: Any, why: str) -> None:
        self.refused += 1
        headers, queue = message.headers, message.delivery_info["routing_key"]
        logger.error(
            "A foreign message was put on the rejected list: task %s, id %s: %s",
            headers.get("task"),
            headers.get("id"),
            why,
            extra={"job_id": headers.get("id"), "task": headers.get("task"), "queue": queue},
        )
        message.reject()


def _refuse_chords(embed: dict[str, Any]) -> None:
    """A chord that a stock producer opened is counted by its result backend, which hears of no job here.

    Its members would run and its body never. Raises Refused; a chord that the message's own job will open is ours.
    """
    chain = embed.get("chain") or []
    # Of a member that is a chain, the last step carries the chord.
    members = [step.get("options") or {} for step in chain if isinstance(step, dict)]
    body = next((found.get("chord") for found in (embed, *members) if found.get("chord")), None)
    if body is not None:
        name = body.get("task") if isinstance(body, dict) else None
        raise Refused(
            f"it is a part of a chord whose body ({name}) would never run: the producer's result backend counts its "
            "parts, not the ledger. Adopt the producer (windrow.adopt), or send the chord from an adopted task"
        )
