"""What the mailroom's routes say about jobs."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from fastapi import HTTPException, status

from windrow.apps import Cancelled, Job, Jobs, State
from windrow_apps.mailroom.models import Cancellation, Held, TaskState

TASKS = (
    "mailroom.send_email",
    "mailroom.process_records",
    "mailroom.report",
    "mailroom.report_section",
    "mailroom.build_report",
    "mailroom.mail_report",
    "mailroom.cleanup",
)
#: Of the app todos, shown to whoever ordered them; their results are counts and an address that asks again.
TODOS_TASKS = ("todos.bulk_update_tasks", "todos.export_user_tasks")
ENDPOINTS = {
    "POST /tasks/email": "Send a mail",
    "POST /tasks/process": "Statistics of records",
    "POST /tasks/report": "Make a PDF report",
    "GET /tasks/{task_id}": "Where a task is",
    "DELETE /tasks/{task_id}": "Cancel a task that waits",
    "GET /tasks/active/list": "Tasks that workers have",
    "GET /reports/{report_id}.pdf": "A report",
    "GET /health": "Is everything there",
}
MAX_LISTED = 100
#: Who holds what waits for its moment.
LEDGER = "ledger"


def describe(job: Job) -> TaskState:
    """The answer for a job."""
    state = job.celery_state
    return TaskState(
        task_id=job.id,
        status=state,
        result=job.result if state == "SUCCESS" else job.progress if state == "PROGRESS" else None,
        error=job.error,
    )


def cancellation(job: Job, done: Cancelled | None) -> Cancellation:
    """The answer to a cancel of `job`. Raises HTTPException: 404 when it is gone, 400 when it may not be."""
    if done is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "There is no such task")
    before = replace(job, state=done.before).celery_state
    # A claimed one is not started: its worker is told to leave it.
    if done.after is done.before and done.before is not State.CLAIMED:
        raise HTTPException(status.HTTP_400_BAD_REQUEST, f"Cannot cancel task in status: {before}")
    return Cancellation(message=f"Task {job.id} has been cancelled", previous_status=before)


async def held(jobs: Jobs, tag: str | None) -> Held:
    """The mailroom's jobs with this tag, or all of them, as Celery's `inspect` would group them."""
    states = (State.RUNNING, State.CLAIMED, State.SCHEDULED, State.RETRYING)
    found = await asyncio.gather(
        *(jobs.find(task=task, tag=tag, states=states, limit=MAX_LISTED) for task in TASKS)
    )
    groups: dict[str, dict[str, list[dict[str, Any]]]] = {"active": {}, "scheduled": {}, "reserved": {}}
    for job in (job for each in found for job in each):
        shown = {"id": job.id, "name": job.task, "priority": job.priority, "queue": job.queue}
        if job.state is State.RUNNING:
            started = None if job.started_at is None else job.started_at.timestamp()
            groups["active"].setdefault(job.worker or "", []).append({**shown, "time_start": started})
        elif job.state is State.CLAIMED:
            groups["reserved"].setdefault(job.worker or "", []).append(shown)
        else:
            eta = None if job.run_at is None else job.run_at.isoformat()
            groups["scheduled"].setdefault(LEDGER, []).append(
                {"eta": eta, "priority": job.priority, "request": shown}
            )
    return Held(**groups)
