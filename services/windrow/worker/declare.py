"""What a worker tells the catalog: every task that its release knows, with queue, schema and defaults."""

from __future__ import annotations

from typing import Any

from windrow.core.task import Task
from windrow.worker.schema import schema_of, summary_of


def declared_tasks(app: Any, default_queue: str) -> list[Task]:
    """The tasks of a finalized Celery app, Celery's own built-ins left out."""
    return [
        _task(app, task, default_queue)
        for name, task in sorted(app.tasks.items())
        if not name.startswith("celery.")
    ]


def _task(app: Any, task: Any, default_queue: str) -> Task:
    route = app.amqp.router.route({}, task.name)
    queue = getattr(route.get("queue"), "name", None) or default_queue
    return Task(
        name=task.name,
        queue=task.queue if getattr(task, "queue", None) else queue,
        input_schema=schema_of(task),
        summary=summary_of(task),
        hard_limit=task.time_limit,
        soft_limit=task.soft_time_limit,
        # As a call of the task itself would be sent.
        priority=app.windrow.capture.to_job(task.priority),
    )
