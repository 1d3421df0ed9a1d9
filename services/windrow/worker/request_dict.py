"""What `self.request` is made of: the fields of a message, from a job."""

from __future__ import annotations

from typing import Any

from celery import Celery

from windrow.worker.here import Run

#: Options under Celery's own request names.
_COPIED = (
    "callbacks",
    "errbacks",
    "chain",
    "chord",
    "group",
    "group_index",
    "ignore_result",
    "shadow",
    "eta",
    "expires",
    "replaced_task_nesting",
    "stamped_headers",
    "stamps",
    "argsrepr",
    "kwargsrepr",
)


def celery_request(app: Celery, run: Run, args: Any, kwargs: Any) -> dict[str, Any]:
    """The request dict of `run`, as Celery's worker would have read it from a message."""
    given, options = run.request, run.options
    priority = given.get("priority", 0)
    adopted = getattr(app, "windrow", None)
    request: dict[str, Any] = {
        "lang": "py",
        "id": run.job_id,
        "task": run.task,
        "root_id": given.get("root_id") or run.job_id,
        "parent_id": given.get("parent_id"),
        "retries": given.get("retries", 0),
        "timelimit": options.get("timelimit") or [None, None],
        "args": args,
        "kwargs": kwargs,
        "hostname": given.get("hostname"),
        "is_eager": False,
        "correlation_id": run.job_id,
        "reply_to": None,
        "delivery_info": {
            "exchange": "",
            "routing_key": given.get("queue"),
            "priority": adopted.capture.to_celery(priority) if adopted else priority,
            "redelivered": given.get("redelivered"),
        },
        # Else Celery looks for custom ones in each request.
        "headers": {},
    }
    if options:
        request["headers"] = options.get("headers") or {}
        request.update(options.get("headers") or {})
        request.update((name, options[name]) for name in _COPIED if name in options)
    return request
