"""Where this code runs: the run of this thread, the runs of this process, and its way to the ledger."""

from __future__ import annotations

import threading
from typing import Any

from windrow.core.errors import JobCancelled
from windrow.core.job import ChordPart, Failure, NewChord, NewJob
from windrow.core.states import State
from windrow.telemetry.traces import Tracing
from windrow.worker.submitter import Submitter


class Run:
    """One attempt while its body runs and its end is put together."""

    def __init__(self, job_id: str, task: str, request: dict[str, Any], options: dict[str, Any]) -> None:
        self.job_id = job_id
        self.task = task
        self.request = request
        self.options = options
        #: The body has returned or raised: what is sent now belongs to the finish.
        self.closing = 0
        self.cancelled = False
        self.state: State | None = None
        self.outcome = ""
        #: JSON text; None: not stored (ignore_result).
        self.result: str | None = None
        self.failure: Failure | None = None
        #: JSON text of the children; None: not stored.
        self.children: str | None = None
        self.jobs: list[NewJob] = []
        self.chords: list[NewChord] = []
        self.parts: list[ChordPart] = []
        self.failed: list[NewJob] = []
        #: The job's own next message: self.retry().
        self.again: NewJob | None = None
        #: The task that this job becomes: Task.replace().
        self.replaced_by: NewJob | None = None
        self.is_replaced = False
        #: The last state that the body set itself, with its value.
        self.reported: tuple[str, Any] | None = None

    def check(self) -> None:
        """Raise JobCancelled when that was asked of this run."""
        if self.cancelled and not self.closing:
            raise JobCancelled("The job was cancelled.")


class _Thread(threading.local):
    run: Run | None = None


class Here:
    """This process; `submitter` is None in a caller's."""

    submitter: Submitter | None = None
    #: None: nothing is traced, and nothing more is asked about it.
    tracing: Tracing | None = None
    runs: dict[str, Run] = {}  # noqa: RUF012 - the runs of this very process
    _thread = _Thread()

    @classmethod
    def run(cls) -> Run | None:
        """The run that this thread is in."""
        return cls._thread.run

    @classmethod
    def enter(cls, run: Run) -> None:
        """This thread begins `run`."""
        cls._thread.run = run
        cls.runs[run.job_id] = run

    @classmethod
    def leave(cls, run: Run) -> None:
        """This thread is done with `run`."""
        cls._thread.run = None
        cls.runs.pop(run.job_id, None)


def checkpoint() -> None:
    """Stop here if the job was cancelled; call it now and then in long loops of threads and solo pools.

    Raises JobCancelled; does nothing outside a job.
    """
    run = Here.run()
    if run is not None:
        run.check()
