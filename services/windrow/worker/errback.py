"""A builtin task: the error callbacks of a job that ended without a child, run in a child after all."""

from __future__ import annotations

from typing import Any

from celery import Celery
from celery.app.task import Context

from windrow.core.aftermath import ERRBACK_TASK
from windrow.worker.texts import raised_from


def register(app: Celery) -> None:
    """Give `app` the task."""

    @app.task(name=ERRBACK_TASK, bind=True, shared=False, lazy=False, ignore_result=True)
    def run_errbacks(self: Any, request: dict[str, Any], error: dict[str, Any]) -> None:
        """Call the error callbacks in `request` as Celery does: (request, exc, traceback), or a task of (task_id,)."""
        context = Context({**request, "delivery_info": {}})
        exc = raised_from(app.backend, error)
        app.backend._call_task_errbacks(context, exc, error.get("traceback"))
