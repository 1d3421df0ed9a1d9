"""Runs one attempt in the process or thread that runs task bodies, and says how it ended. Needs no database."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any

from celery import current_app, current_task
from celery.app.task import Context
from celery.app.trace import TraceInfo, build_tracer
from celery.exceptions import SoftTimeLimitExceeded, WorkerShutdown, WorkerTerminate
from celery.states import FAILURE, IGNORED, REJECTED, REVOKED, SUCCESS

from windrow.core.aftermath import Ended, aftermath, revoked
from windrow.core.errors import JobCancelled
from windrow.core.failure import failure_json
from windrow.core.job import Failure, Outcome
from windrow.core.states import State
from windrow.telemetry.traces import Tracing
from windrow.worker.here import Here, Run
from windrow.worker.request_dict import celery_request
from windrow.worker.submitter import Submitter
from windrow.worker.texts import dumps, failure_from_meta, failure_of, loads, result_text

#: billiard ends a child that got a signal with sys.exit(-(256 - number)).
_SIGNAL_EXITS = range(-256, -191)

Plain = tuple[str | None, float, float]


def use(submitter: Submitter | None) -> None:
    """This process runs task bodies: `submitter` is their way to the ledger. Once a process."""
    Here.submitter = submitter


def trace_by(tracing: Tracing | None) -> None:
    """Trace the runs of this process, or none. Once a process."""
    Here.tracing = tracing


def stop_tracing(**_: Any) -> None:
    """Send the spans that wait; also Celery's signal of a child that ends."""
    if Here.tracing is not None:
        Here.tracing.close()


def cancel(job_id: str) -> bool:
    """Let the run of `job_id` in this process stop at its next checkpoint or progress report; False: no such run."""
    run = Here.runs.get(job_id)
    if run is None:
        return False
    run.cancelled = True
    return True


class _Closing(TraceInfo):
    """Made by Celery's tracer the moment that the body has raised: from here on everything belongs to the finish."""

    __slots__ = ()

    def __init__(self, state: str, retval: Any = None) -> None:
        run = Here.run()
        if run is not None:
            run.closing += 1
        super().__init__(state, retval)


def run(
    run_no: int, task_name: str, job_id: str, request: dict[str, Any], input: str, options: str | None
) -> Outcome | Plain:
    """One attempt. A plain success that frees nothing is `(result, started_at, finished_at)`.

    `input` is JSON text of `[args, kwargs]`, `options` that of NewJob; moments are time.monotonic(). Raises nothing
    but the exit that a signal asked for.
    """
    began = time.monotonic()
    record = Run(job_id, task_name, request, {})
    Here.enter(record)
    try:
        try:
            record.options = json.loads(options) if options else {}
            traced = _trace(record, input)
            return _conclude(record, traced, began)
        except (JobCancelled, WorkerShutdown, WorkerTerminate, SystemExit) as exc:
            if isinstance(exc, (WorkerShutdown, WorkerTerminate)):
                raise
            if isinstance(exc, SystemExit):
                if exc.code in _SIGNAL_EXITS:
                    raise
                return _failed_outside(record, _exit_failure(exc), began, input, options)
            return _cancelled(record, began, input, options)
        except BaseException as exc:
            return _failed_outside(record, failure_of(exc), began, input, options)
    except Exception as exc:
        # Not even the failure could be put into words.
        failure = Failure(type(exc).__name__, "The outcome cannot be described.", type(exc).__module__)
        return Outcome(
            job_id,
            0,
            State.FAILED,
            "failed",
            failure=failure,
            started_at=began,
            finished_at=time.monotonic(),
            counts=True,
        )
    finally:
        Here.leave(record)


def _trace(record: Run, input: str) -> Any:
    app = current_app._get_current_object()
    task = app.tasks[record.task]
    args, kwargs = loads(input)
    tracer = task.__trace__
    if tracer is None or not getattr(tracer, "_windrow", False):
        tracer = build_tracer(
            task.name, task, app=app, hostname=record.request.get("hostname"), Info=_Closing
        )
        tracer._windrow = True
        _watch_dispatch(app)
        task.__trace__ = tracer
    request = celery_request(app, record, args, kwargs)
    return tracer(record.job_id, args, kwargs, request)


def _watch_dispatch(app: Any) -> None:
    """The tracer sends callbacks and the chain's next step through this one method, when the body has returned."""
    stock = app.amqp._retry_publish
    if getattr(stock, "_windrow", False):
        return

    def dispatch(publish: Any, *args: Any, **kwargs: Any) -> Any:
        run, task = Here.run(), current_task
        # A body may call another task eagerly, whose end is not the body's.
        if run is not None and task and task.request.id == run.job_id:
            run.closing += 1
        return stock(publish, *args, **kwargs)

    dispatch._windrow = True  # type: ignore[attr-defined]
    app.amqp._retry_publish = dispatch


def _conclude(record: Run, traced: Any, began: float) -> Outcome | Plain:
    ended = time.monotonic()
    info = traced.info
    if info is not None and info.state == REJECTED:
        _reject(record, info.retval)
    elif info is not None and info.state == IGNORED:
        _ignore(record)
    elif record.state is None:
        error = getattr(traced.retval, "exception", None) or RuntimeError(
            "The task ended without an outcome."
        )
        raise error
    if record.again is not None and record.state in (State.RETRYING, State.SUCCEEDED):
        return _again(record, began, ended)
    if record.state is State.RETRYING:
        when = getattr(info.retval, "when", None)
        return _outcome(record, began, ended, delay=float(when) if isinstance(when, (int, float)) else 0.0)
    if (
        record.state is State.SUCCEEDED
        and record.outcome == "succeeded"
        and record.children in (None, "[]")
        and not (record.jobs or record.chords or record.parts)
    ):
        return record.result, began, ended
    return _outcome(
        record, began, ended, counts=record.state is State.FAILED and record.outcome != "rejected"
    )


def _outcome(record: Run, began: float, ended: float, **more: Any) -> Outcome:
    assert record.state is not None
    outcome = record.outcome
    if outcome == "failed" and record.failure and record.failure.cls == SoftTimeLimitExceeded.__name__:
        outcome = "timed_out"
    return Outcome(
        record.job_id,
        0,
        record.state,
        outcome,
        started_at=began,
        finished_at=ended,
        result=record.result,
        failure=record.failure,
        children=record.children,
        replaced_by=record.replaced_by,
        jobs=tuple(record.jobs),
        chords=tuple(record.chords),
        parts=tuple(record.parts),
        failed=tuple(record.failed),
        **more,
    )


def _again(record: Run, began: float, ended: float) -> Outcome:
    """self.retry(): the job itself again, with the arguments and options of its next message."""
    job = record.again
    assert job is not None
    record.state, record.outcome = State.RETRYING, "retried"
    record.result = None
    if job.queue != record.request.get("queue", job.queue) or job.priority != record.request.get(
        "priority", job.priority
    ):
        record.replaced_by = job
        return _outcome(record, began, ended)
    delay = job.delay or 0.0
    if job.delay is None and job.run_at is not None:
        delay = max(0.0, (job.run_at - datetime.now(UTC)).total_seconds())
    return _outcome(
        record, began, ended, delay=delay, input=job.input, options=job.options or "{}", retries=job.retries
    )


def _reject(record: Run, exc: Any) -> None:
    if exc.requeue:
        record.state, record.outcome = State.QUEUED, "rejected"
        return
    task = current_app.tasks[record.task]
    context = Context({**record.options, "id": record.job_id, "task": record.task, **_lineage(record)})
    task.backend.mark_as_failure(record.job_id, exc, request=context, store_result=not task.ignore_result)
    record.outcome = "rejected"


def _ignore(record: Run) -> None:
    if record.replaced_by is not None or record.is_replaced:
        record.state, record.outcome = State.BLOCKED, "ignored"
        return
    state, value = record.reported or (None, None)
    if state == FAILURE:
        record.state, record.outcome, record.failure = State.FAILED, "failed", failure_from_meta(value)
    elif state == SUCCESS:
        record.state, record.outcome, record.result = State.SUCCEEDED, "succeeded", result_text(value)
    elif state == REVOKED:
        record.state, record.outcome = State.CANCELLED, "cancelled"
    else:
        record.state, record.outcome = State.SUCCEEDED, "ignored"


def _lineage(record: Run) -> dict[str, Any]:
    return {"parent_id": record.request.get("parent_id"), "root_id": record.request.get("root_id")}


def _failed_outside(record: Run, failure: Failure, began: float, input: str, options: str | None) -> Outcome:
    """The body ended in a way that Celery's tracer does not catch, or the tracer itself did."""
    return _ended(record, State.FAILED, "failed", failure, began, input, options)


def _cancelled(record: Run, began: float, input: str, options: str | None) -> Outcome:
    return _ended(record, State.CANCELLED, "cancelled", None, began, input, options)


def _ended(
    record: Run,
    state: State,
    outcome: str,
    failure: Failure | None,
    began: float,
    input: str,
    options: str | None,
) -> Outcome:
    made = Outcome(
        record.job_id,
        0,
        state,
        outcome,
        failure=failure,
        started_at=began,
        finished_at=time.monotonic(),
        counts=state is State.FAILED,
    )
    if not options or (state is State.FAILED and record.request.get("will_retry")):
        return made
    request = record.request
    job = Ended(
        record.job_id,
        record.task,
        request.get("queue", ""),
        input,
        options,
        state,
        request.get("parent_id"),
        request.get("root_id"),
        request.get("priority", 0),
    )
    after = aftermath(job, failure_json(failure or revoked(state)))
    return Outcome(**{name: getattr(made, name) for name in made.__slots__} | after._asdict())


def _exit_failure(exc: SystemExit) -> Failure:
    """As Celery reports a task that ended its process; a SystemExit would end whoever asks for the result."""
    message = f"The task called sys.exit({exc.code!r})."
    return Failure("WorkerLostError", message, "billiard.exceptions", args=dumps([message]))
