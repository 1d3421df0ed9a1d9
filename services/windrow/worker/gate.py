"""Stands where Celery expects a kombu producer: what is published here becomes jobs, in one batch a canvas."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from celery import Celery
from celery.exceptions import ImproperlyConfigured

from windrow.core.job import NewChord, NewJob
from windrow.worker.capture import Capture
from windrow.worker.here import Here, Run
from windrow.worker.submitter import Submitter


class _Connection:
    """As much of a connection as `send_task` looks at."""

    recoverable_connection_errors: tuple[type[BaseException], ...] = ()

    def _reraise_as_library_errors(self) -> Any:
        return nullcontext()


class _Batch(threading.local):
    def __init__(self) -> None:
        self.depth = 0
        self.jobs: list[NewJob] = []
        self.chords: list[NewChord] = []
        #: Not None while a chord's body is rendered: nothing is sent then.
        self.rendered: tuple[list[NewJob], list[NewChord]] | None = None


class Gate:
    """One app's. In a caller: the ledger. In a task's body: the worker's submitter. At its end: the outcome."""

    serializer = None

    def __init__(self, app: Celery, capture: Capture, caller: Submitter, acquire: Any) -> None:
        self.connection = _Connection()
        self._app = app
        self._capture = capture
        self._caller = caller
        self._acquire = acquire
        self._batch = _Batch()

    @contextmanager
    def batched(self, *_: Any, **__: Any) -> Iterator[Gate]:
        """Everything that is published inside is saved together at the outermost end, or not at all."""
        batch = self._batch
        batch.depth += 1
        try:
            yield self
        except BaseException:
            if batch.depth == 1:
                batch.jobs, batch.chords = [], []
            raise
        finally:
            batch.depth -= 1
        if not batch.depth:
            jobs, batch.jobs = batch.jobs, []
            chords, batch.chords = batch.chords, []
            if jobs or chords:
                self._send(jobs, chords)

    def publish(self, body: Any, **properties: Any) -> None:
        """kombu's Producer.publish: a task's message becomes a job, anything else goes to the broker."""
        headers = properties.get("headers") or {}
        if isinstance(body, dict) and "task" in body and "taskset" in body:
            raise ImproperlyConfigured("Windrow speaks Celery's task protocol 2: remove task_protocol = 1.")
        if not (isinstance(body, tuple) and len(body) == 3 and "task" in headers and "id" in headers):
            with self._acquire() as producer:
                producer.publish(body, **properties)
            return
        job = self._capture.job(
            body,
            headers,
            properties.get("exchange"),
            properties.get("routing_key"),
            properties.get("serializer"),
            properties.get("priority"),
        )
        self._add([job], [])

    def open_chord(self, chord: NewChord) -> None:
        """A chord, saved before the first of its members."""
        self._add([], [chord])

    @contextmanager
    def rendering(self) -> Iterator[tuple[list[NewJob], list[NewChord]]]:
        """Keep what is published inside instead of sending it."""
        batch = self._batch
        outer, batch.rendered = batch.rendered, ([], [])
        try:
            yield batch.rendered
        finally:
            batch.rendered = outer

    def _add(self, jobs: list[NewJob], chords: list[NewChord]) -> None:
        batch = self._batch
        if batch.rendered is not None:
            batch.rendered[0].extend(jobs)
            batch.rendered[1].extend(chords)
        elif batch.depth:
            batch.jobs += jobs
            batch.chords += chords
        else:
            self._send(jobs, chords)

    def _send(self, jobs: list[NewJob], chords: list[NewChord]) -> None:
        run = Here.run()
        if run is not None:
            jobs = [job for job in jobs if not _is_own(run, job)]
            if run.closing:
                run.jobs += jobs
                run.chords += chords
                return
        if jobs or chords:
            (Here.submitter or self._caller).submit(jobs, chords)


def _is_own(run: Run, job: NewJob) -> bool:
    """Whether `job` is this run's own next message, which must not be there before the run is over."""
    if job.id != run.job_id:
        return False
    if job.task == run.task and not run.is_replaced:
        run.again = job
    else:
        run.replaced_by = job
    return True
