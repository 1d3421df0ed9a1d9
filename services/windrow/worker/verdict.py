"""Outcomes that the main process makes itself, and the ids on those that a child made."""

from __future__ import annotations

import dataclasses
import json
import time
from typing import Any

from windrow.core.aftermath import with_aftermath
from windrow.core.answer import key_in
from windrow.core.job import Failure, Held, Outcome
from windrow.core.retry import Backoff
from windrow.core.states import State


def with_ids(returned: Any, held: Held) -> Outcome:
    """What `child.run` returned, a plain success's tuple or an Outcome, as the outcome of this claim."""
    if isinstance(returned, tuple):
        result, began, ended = returned
        return Outcome(
            held.id,
            held.token,
            State.SUCCEEDED,
            "succeeded",
            started_at=began,
            finished_at=ended,
            result=result,
            answer_key=key_in(held.options),
        )
    outcome: Outcome = dataclasses.replace(
        returned, job_id=held.id, token=held.token, answer_key=key_in(held.options)
    )
    if outcome.state is State.FAILED and outcome.outcome != "rejected" and held.may_retry:
        return dataclasses.replace(
            outcome, state=State.RETRYING, delay=_delay(held), retries=held.retries + 1
        )
    # The signal may have come too late for the child to say what else follows.
    return with_aftermath(outcome, held) if outcome.state is State.CANCELLED else outcome


def _delay(held: Held) -> float:
    """Seconds, by the job's own back-off or the usual one."""
    wish = (json.loads(held.options) if held.options else {}).get("retry") or {}
    return Backoff(**wish).delay(held.failures + 1)


def timed_out(held: Held, began: float | None, limit: float | None) -> Outcome:
    """The hard limit ended the child."""
    seconds = int(limit) if limit is not None and limit == int(limit) else limit
    failure = Failure("TimeLimitExceeded", f"{seconds} s", "celery.exceptions", args=json.dumps([seconds]))
    return _failed(held, began, "timed_out", failure)


def child_lost(held: Held, began: float | None, message: str) -> Outcome:
    """The child ended without an answer: killed, out of memory, or `os._exit`. Always retried, up to max_attempts."""
    failure = Failure("WorkerLostError", message, "billiard.exceptions")
    return _failed(held, began, "lost", failure, retry=True)


def cancelled(held: Held, began: float | None) -> Outcome:
    """The child was killed because a cancel was asked."""
    return with_aftermath(Outcome(held.id, held.token, State.CANCELLED, "cancelled", **_moments(began)), held)


def refused(held: Held, began: float | None, outcome: Outcome, exc: Exception) -> Outcome:
    """The ledger cannot store what the task made: the attempt failed, and says why."""
    failure = Failure(type(exc).__name__, f"The outcome cannot be stored: {exc}", type(exc).__module__)
    return with_aftermath(
        Outcome(
            held.id,
            held.token,
            State.FAILED,
            "failed",
            started_at=outcome.started_at,
            finished_at=outcome.finished_at,
            failure=failure,
            counts=True,
        ),
        held,
    )


def released(held: Held, began: float | None) -> Outcome:
    """The worker ends before the job does: back to the queue, at no cost."""
    return Outcome(
        held.id, held.token, State.QUEUED, "released", started=began is not None, **_moments(began)
    )


def _failed(held: Held, began: float | None, outcome: str, failure: Failure, retry: bool = False) -> Outcome:
    again = held.may_run_again if retry else held.may_retry
    made = Outcome(
        held.id,
        held.token,
        State.RETRYING if again else State.FAILED,
        outcome,
        failure=failure,
        delay=_delay(held) if again else None,
        counts=True,
        # A lost child is no retry: Celery delivers such a message again as it was, and says so (`redelivered`).
        retries=held.retries + 1 if again and not retry else None,
        **_moments(began),
    )
    return made if again else with_aftermath(made, held)


def _moments(began: float | None) -> dict[str, Any]:
    now = time.monotonic()
    return {"started_at": began if began is not None else now, "finished_at": now}
