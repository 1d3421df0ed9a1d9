"""A span around an attempt, in the process that runs it: a child of whoever asked for the job."""

from __future__ import annotations

import json
from typing import Any

import windrow.worker.child as child
from windrow.core.job import Outcome
from windrow.core.states import State
from windrow.core.traceparent import KEY
from windrow.telemetry.traces import Tracing


def traced(
    tracing: Tracing,
    run: int,
    task: str,
    job_id: str,
    request: dict[str, Any],
    input: str,
    options: str | None,
) -> Outcome | tuple[Any, ...]:
    """`child.run`, whose body's own spans are children of this one."""
    parent = json.loads(options).get(KEY) if options else None
    attributes = {
        "messaging.system": "windrow",
        "messaging.operation.type": "process",
        "messaging.destination.name": request.get("queue") or "",
        "messaging.message.id": job_id,
        "windrow.task": task,
        "windrow.attempt": request.get("attempt") or 1,
    }
    with tracing.span(f"run {task}", "consumer", parent, attributes) as span:
        returned = child.run(run, task, job_id, request, input, options)
        outcome = returned.outcome if isinstance(returned, Outcome) else "succeeded"
        span.say(windrow__outcome=outcome)
        failure = returned.failure if isinstance(returned, Outcome) else None
        if failure is not None:
            span.say(error__type=failure.cls)
        if failure is not None or (isinstance(returned, Outcome) and returned.state is State.FAILED):
            span.fail(outcome if failure is None else f"{failure.cls}: {failure.message}"[:300])
        return returned
