"""What a line of this process is about: the run that the thread which logs is in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from windrow.core.traceparent import trace_id_of
from windrow.worker.here import Here

_NOTHING: Mapping[str, Any] = {}


def log_context() -> Mapping[str, Any]:
    """The job's fields; nothing outside of a run. Asked for when a line is written: a run pays nothing for it."""
    run = Here.run()
    if run is None:
        return _NOTHING
    return {
        "job_id": run.job_id,
        "task": run.task,
        "attempt": run.request.get("attempt"),
        "queue": run.request.get("queue"),
        "trace_id": trace_id_of(run.options.get("traceparent")),
    }
