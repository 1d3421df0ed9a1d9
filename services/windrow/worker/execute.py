"""What a pool runs: a job's body, with the run's number where the main process can see it."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

from billiard.process import current_process

import windrow.worker.child as child
from windrow.core.errors import JobCancelled
from windrow.core.job import Outcome
from windrow.core.states import State
from windrow.worker.attempt_span import traced
from windrow.worker.here import Here
from windrow.worker.slots import Slots

CANCEL_SIGNAL = signal.SIGUSR2


class Child:
    """This process as a prefork child: where its slot is."""

    slots: Slots | None = None
    slot = 0


def become_child(slots: Slots) -> None:
    """Occupy this child's slot and let the cancel signal raise JobCancelled in the run that it is meant for."""
    index = getattr(current_process(), "index", 0) or 0
    slots.occupy(index, os.getpid())

    def on_cancel(*_: Any) -> None:
        if slots.is_hit(index):
            raise JobCancelled("The job was cancelled.")

    signal.signal(CANCEL_SIGNAL, on_cancel)
    Child.slots, Child.slot = slots, index


def execute(
    run: int, task: str, job_id: str, request: dict[str, Any], input: str, options: str | None
) -> Outcome | tuple[Any, ...]:
    """Run one attempt and return what `child.run` returns; a prefork child can be stopped meanwhile."""
    slots = Child.slots
    if slots is None:
        return _attempt(run, task, job_id, request, input, options)
    began = time.monotonic()
    # Two levels: the signal may come while the inner one is already leaving the run.
    try:
        try:
            slots.enter(Child.slot, run)
            return _attempt(run, task, job_id, request, input, options)
        finally:
            slots.enter(Child.slot, 0)
    except JobCancelled:
        return Outcome(
            job_id, 0, State.CANCELLED, "cancelled", started_at=began, finished_at=time.monotonic()
        )


def _attempt(
    run: int, task: str, job_id: str, request: dict[str, Any], input: str, options: str | None
) -> Outcome | tuple[Any, ...]:
    tracing = Here.tracing
    if tracing is None:
        return child.run(run, task, job_id, request, input, options)
    return traced(tracing, run, task, job_id, request, input, options)
