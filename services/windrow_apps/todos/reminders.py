"""Keeps the platform's jobs in step with the reminders that to-dos ask for.

A to-do's transaction writes which job shall remind (`reminder_job`), and only then the job is submitted under that id.
What dies in between leaves `reminder_kept` false, and the hourly check submits it; a job that exists is not doubled. A
job that could not be cancelled finds another deadline in the row than its own, and does nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from windrow.apps import Jobs
from windrow_apps.shared.database import Database
from windrow_apps.todos.rows import TodoRow
from windrow_apps.todos.store import Change, keep_reminders

logger = logging.getLogger(__name__)

TASK = "todos.send_task_reminder"
#: Submits the reminders' jobs of these to-dos, and cancels jobs; for tasks, which have Celery for it.
Send = Callable[[Sequence[TodoRow]], None]
Drop = Callable[[Sequence[str]], None]
Keep = Callable[[Sequence[TodoRow]], None]


def job_input(row: TodoRow) -> dict[str, Any]:
    """The keyword arguments of the reminder's job: what it was made for."""
    # Who asks for a reminder has both.
    assert row.deadline is not None
    assert row.remind_at is not None
    return {
        "todo_id": row.id,
        "deadline": row.deadline.isoformat(),
        "remind_at": row.remind_at.isoformat(),
    }


def dropped(changes: Iterable[Change]) -> list[str]:
    """The jobs that shall not remind any more."""
    return [
        change.before.reminder_job
        for change in changes
        if change.before is not None
        and change.before.reminder_job is not None
        and (change.after is None or change.after.reminder_job != change.before.reminder_job)
    ]


def wanted(changes: Iterable[Change]) -> list[TodoRow]:
    """The to-dos whose reminder is not known to be kept."""
    rows = [change.after for change in changes if change.after is not None]
    return [row for row in rows if row.reminder_job is not None and not row.reminder_kept]


async def follow(jobs: Jobs, database: Database, change: Change) -> None:
    """Submit and cancel what `change` asks for, after its commit; the hourly check does what fails here."""
    try:
        for job_id in dropped([change]):
            await jobs.cancel(job_id, running=False)
        for row in wanted([change]):
            await jobs.submit(TASK, kwargs=job_input(row), run_at=row.remind_at, job_id=row.reminder_job)
            await database.run_single(keep_reminders([row]))
    except Exception as error:
        # Whatever it is: the to-do is committed, and an error would tell its caller that it is not.
        logger.warning("the reminder of a to-do is left to the hourly check: %s", error)


def follow_in_task(changes: Sequence[Change], send: Send, drop: Drop, keep: Keep) -> None:
    """The same from a task."""
    if gone := dropped(changes):
        drop(gone)
    if rows := wanted(changes):
        send(rows)
        keep(rows)
