"""Celery's result backend: reads the ledger; inside a worker's child it collects the outcome instead of storing it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

from celery import states
from celery.backends.base import BaseBackend
from celery.canvas import maybe_signature
from celery.exceptions import TimeoutError as CeleryTimeout
from celery.result import result_from_tuple
from celery.utils.functional import _regen

from windrow.broker.keys import DONE_CHANNEL
from windrow.broker.signals import Signals
from windrow.core.aftermath import Ended, aftermath
from windrow.core.errors import LedgerUnavailable
from windrow.core.failure import failure_json
from windrow.core.job import ChordPart, Failure, NewChord
from windrow.core.states import State
from windrow.store.metas import delete_group, forget, load_group, save_group
from windrow.worker.chord_text import new_chord
from windrow.worker.here import Here, Run
from windrow.worker.meta import NOT_STORED, meta_of
from windrow.worker.texts import dumps, failure_of, result_text


class _Opening(threading.local):
    def __init__(self) -> None:
        self.chords: dict[str, tuple[Any, list[Any] | None]] = {}


class LedgerBackend(BaseBackend):
    """One a process; `app.windrow` is what `adopt` left there."""

    supports_native_join = True
    supports_autoexpire = True
    persistent = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # It keeps nothing of a thread's own but chords that are about to begin.
        self.thread_safe = True
        self._opening = _Opening()

    def as_uri(self, include_password: bool = False) -> str:
        """What the worker's banner and Flower show."""
        return "windrow://ledger"

    # In a child: what the tracer says of the run's end.

    def mark_as_done(
        self,
        task_id: str,
        result: Any,
        request: Any = None,
        store_result: bool = True,
        state: str = states.SUCCESS,
    ) -> None:
        """The body returned, and its callbacks are captured."""
        run = Here.runs.get(task_id)
        if run is None:
            return
        run.closing += 1
        text = result_text(result)
        if store_result and not (request and request.ignore_result):
            run.result = text
            run.children = _children(request)
        run.state, run.outcome = State.SUCCEEDED, "succeeded"
        if request and request.chord:
            self._part(run, request, text, None)

    def mark_as_failure(
        self,
        task_id: str,
        exc: BaseException,
        traceback: Any = None,
        request: Any = None,
        store_result: bool = True,
        call_errbacks: bool = True,
        state: str = states.FAILURE,
    ) -> None:
        """The body raised, or its result could not be kept."""
        run = Here.runs.get(task_id)
        if run is None:
            return
        run.closing += 1
        run.jobs, run.chords, run.parts, run.failed, run.result = [], [], [], [], None
        run.state, run.outcome = State.FAILED, "failed"
        run.failure = failure = failure_of(exc, traceback)
        run.children = _children(request) if store_result else NOT_STORED
        if run.request.get("will_retry") or request is None:
            return
        self._spread(run, request, failure)
        if call_errbacks and request.errbacks:
            self._call_task_errbacks(request, exc, traceback)

    def mark_as_retry(
        self,
        task_id: str,
        exc: BaseException | None,
        traceback: Any = None,
        request: Any = None,
        store_result: bool = True,
        state: str = states.RETRY,
    ) -> None:
        """The body called self.retry()."""
        run = Here.runs.get(task_id)
        if run is None:
            return
        run.closing += 1
        run.state, run.outcome = State.RETRYING, "retried"
        if exc is None:
            run.failure = Failure("Retry", "", "celery.exceptions")
        else:
            run.failure = failure_of(exc, traceback)

    def store_result(
        self, task_id: str, result: Any, state: str, traceback: Any = None, request: Any = None, **_: Any
    ) -> Any:
        """A state that a task sets itself: update_state()."""
        run = Here.runs.get(task_id)
        if run is not None:
            run.check()
        if state in (states.STARTED, states.PENDING, states.RECEIVED):
            return result
        if run is not None and state in states.READY_STATES:
            run.reported = (state, result)
            run.children = _children(request)
            return result
        try:
            (Here.submitter or self.app.windrow.caller).progress(
                task_id, state, dumps(self.encode_result(result, state))
            )
        except LedgerUnavailable:
            pass  # The next report may get through; no reason to fail a job.
        return result

    def mark_as_started(self, task_id: str, **meta: Any) -> None:
        """The ledger knows."""

    def mark_as_revoked(self, *args: Any, **kwargs: Any) -> None:
        """The ledger says who was cancelled."""

    def _part(self, run: Run, request: Any, result: str | None, error: str | None) -> None:
        if request.group:
            run.parts.append(ChordPart(request.group, request.group_index or 0, result, error))

    def _spread(self, run: Run, request: Any, failure: Failure) -> None:
        """The rest of the chain fails with the job, and its chord is told."""
        if not (request.chain or request.chord):
            return
        options = {name: getattr(request, name) for name in ("chain", "chord", "group", "group_index")}
        ended = Ended(
            run.job_id,
            run.task,
            run.request.get("queue", ""),
            "[[], {}]",
            dumps(options),
            State.FAILED,
            run.request.get("parent_id"),
            run.request.get("root_id"),
        )
        after = aftermath(ended, failure_json(failure))
        run.failed += after.failed
        run.parts += after.parts

    # Chords, where they begin.

    def ensure_chords_allowed(self) -> None:
        """They are."""

    def apply_chord(self, header_result_args: Any, body: Any, **_: Any) -> None:
        """A chord begins: its size comes with the last of its header."""
        chord_id, results = header_result_args
        self._opening.chords[chord_id] = (body, None if isinstance(results, _regen) else list(results))

    def set_chord_size(self, group_id: str, chord_size: int) -> None:
        """Everything is known of the chord: open it."""
        known = self._opening.chords.pop(group_id, None)
        if known is not None:
            body, results = known
            body = maybe_signature(body, app=self.app)
            gate = self.app.windrow.gate
            gate.open_chord(new_chord(self.app, gate, group_id, chord_size, body, results))

    def add_to_chord(self, chord_id: str, result: Any) -> None:
        """Task.add_to_chord: one more part."""
        self.app.windrow.gate.open_chord(NewChord(chord_id, 1, (), grows=True))

    def on_chord_part_return(self, request: Any, state: str, result: Any, **_: Any) -> None:
        """Parts go with the outcome."""

    # In a caller: what AsyncResult asks.

    def _get_task_meta_for(self, task_id: str) -> dict[str, Any]:
        return meta_of(self, self._metas([task_id])[0])

    def wait_for(
        self,
        task_id: str,
        timeout: float | None = None,
        interval: float = 0.5,
        no_ack: bool = True,
        on_interval: Any = None,
    ) -> dict[str, Any]:
        """Wait for the job; woken by Redis, and looking again about once a second anyway."""
        for _, meta in self.get_many([task_id], timeout=timeout, on_interval=on_interval):
            return meta
        raise AssertionError("unreachable")

    def get_many(
        self,
        task_ids: Iterable[str],
        timeout: float | None = None,
        interval: float = 0.5,
        no_ack: bool = True,
        on_message: Any = None,
        on_interval: Any = None,
        max_iterations: int | None = None,
        **_: Any,
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield (id, meta) of each job as it becomes ready. Raises celery's TimeoutError."""
        missing = dict.fromkeys(task_ids)
        deadline = None if timeout is None else time.monotonic() + timeout
        signals: Signals | None = None
        rounds = 0
        try:
            while missing:
                asked = list(missing)
                for task_id, job in zip(asked, self._metas(asked), strict=True):
                    meta = meta_of(self, job)
                    if meta["status"] in states.READY_STATES:
                        del missing[task_id]
                        if on_message is not None:
                            on_message(meta)
                        yield task_id, meta
                if not missing:
                    return
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    raise CeleryTimeout("The operation timed out.")
                rounds += 1
                if max_iterations and rounds >= max_iterations:
                    return
                if on_interval:
                    on_interval()
                if signals is None:
                    # Subscribed first, read again then: nothing is missed in between.
                    signals = Signals(self.app.windrow.caller.settings.redis_url, DONE_CHANNEL)
                    signals.wait(0)
                    continue
                self._nap(signals, missing, left)
        finally:
            if signals is not None:
                signals.close()

    def _nap(self, signals: Signals, wanted: dict[str, None], left: float | None) -> None:
        """Until one of `wanted` is said to have changed, or it is time to look anyway."""
        end = time.monotonic() + min(self.app.windrow.caller.settings.reread_seconds, left or 3600.0)
        while (rest := end - time.monotonic()) > 0:
            payload = signals.wait(rest)
            if payload is not None and not wanted.keys().isdisjoint(json.loads(payload)):
                return

    def _metas(self, job_ids: list[str]) -> list[dict[str, Any] | None]:
        found: list[dict[str, Any] | None] = (Here.submitter or self.app.windrow.caller).metas(job_ids)
        return found

    def task_result_exists(self, task_id: str) -> bool:
        """Whether the ledger has the job."""
        return self._metas([task_id])[0] is not None

    def _forget(self, task_id: str) -> None:
        self.app.windrow.caller.run(forget, task_id)

    def _save_group(self, group_id: str, result: Any) -> Any:
        self.app.windrow.caller.run(save_group, group_id, dumps(result.as_tuple()))
        return result

    def _restore_group(self, group_id: str) -> dict[str, Any] | None:
        text = self.app.windrow.caller.run(load_group, group_id)
        return None if text is None else {"result": result_from_tuple(json.loads(text), self.app)}

    def _delete_group(self, group_id: str) -> None:
        self.app.windrow.caller.run(delete_group, group_id)


def _children(request: Any) -> str:
    """JSON text of what the run submitted, as AsyncResult tuples."""
    found = request.children if request else None
    return dumps([child.as_tuple() for child in found]) if found else "[]"
