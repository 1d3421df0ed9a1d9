"""The tasks of the todos app: plain Celery tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import psycopg
from celery import Task, current_app, group, shared_task
from kombu.exceptions import OperationalError

from windrow.public import redis_client
from windrow_apps.shared.database import database_settings, run
from windrow_apps.shared.notices import notify
from windrow_apps.todos import chore_store
from windrow_apps.todos.bulk import update_many
from windrow_apps.todos.cache import Cache
from windrow_apps.todos.chore_store import Progress
from windrow_apps.todos.chores import APP, Chores
from windrow_apps.todos.export import write_export
from windrow_apps.todos.reminders import follow_in_task, job_input
from windrow_apps.todos.rows import TodoRow
from windrow_apps.todos.settings import settings
from windrow_apps.todos.store import Change, keep_reminders

#: With the cap: about five minutes without a database.
RETRY: dict[str, Any] = {
    # The app's own transactions, and jobs that the platform could not keep.
    "autoretry_for": (psycopg.OperationalError, OperationalError),
    "retry_backoff": True,
    "retry_backoff_max": 60,
    "retry_jitter": True,
    "max_retries": 10,
}
CACHE_CONNECTIONS = 1
#: Owners of one call to Redis.
FORGET_AT_ONCE = 500


@shared_task(name="todos.send_task_reminder", **RETRY)
def send_task_reminder(todo_id: int, deadline: str, remind_at: str) -> dict[str, str]:
    """Remind the owner of a to-do, once, if it still has this deadline (both ISO 8601)."""
    due, moment = datetime.fromisoformat(deadline), datetime.fromisoformat(remind_at)
    outcome, row = run(database_settings(), APP, chore_store.remind(todo_id, due, moment, None))
    if outcome == "sent" and row is not None:
        # The row in todos.notices is the reminder. Whoever dies here costs the operator's copy, and sends none twice.
        notify("reminder", f"{row.title} is due {deadline}", f"To-do {row.id} of {row.owner}: {row.title}")
    return {"reminder": outcome}


@shared_task(name="todos.process_task_statistics", **RETRY)
def process_task_statistics(owner: str | None = None) -> dict[str, int]:
    """Count today's to-dos, of `owner` or of everybody."""
    return _chores().count_days(owner)


@shared_task(name="todos.check_overdue_tasks", **RETRY)
def check_overdue_tasks() -> dict[str, int]:
    """Mark what is past its deadline and tell the owners; submit the reminders that nobody has submitted."""
    return _chores().check_overdue(_send)


@shared_task(name="todos.daily_cleanup", **RETRY)
def daily_cleanup() -> dict[str, int]:
    """Delete completed to-dos, exports, notices and statistics that are kept no longer."""
    return _chores().clean_up()


@shared_task(bind=True, name="todos.export_user_tasks", **RETRY)
def export_user_tasks(self: Task[..., Any], export_id: str) -> dict[str, Any]:
    """Write the file of an export that was ordered by `POST /tasks/export`."""

    def report(current: int, total: int) -> None:
        _report(self, current, total)

    export = write_export(export_id, database_settings(), settings(), report)
    return {"rows": export.rows, "bytes": export.bytes, "download_url": f"/tasks/export-files/{export_id}"}


@shared_task(bind=True, name="todos.bulk_update_tasks", **RETRY)
def bulk_update_tasks(self: Task[..., Any], run_id: str) -> dict[str, int]:
    """Make the change of many that `POST /tasks/bulk-update` ordered; what is gone by now is counted as missing."""
    database = database_settings()

    def report(progress: Progress, total: int, done: Sequence[Change]) -> None:
        follow_in_task(done, _send, _drop, lambda rows: run(database, APP, keep_reminders(rows)))
        _forget(sorted({change.after.owner for change in done if change.after is not None}))
        _report(self, progress.done, total)

    progress = update_many(run_id, database, settings().batch, report)
    return {"updated": progress.changed, "missing": progress.done - progress.changed}


def _chores() -> Chores:
    return Chores(database_settings(), settings(), _forget)


def _report(task: Task[..., Any], current: int, total: int) -> None:
    meta = {"current": current, "total": total, "status": f"{current} of {total} to-dos"}
    task.update_state(state="PROGRESS", meta=meta)


def _send(rows: Sequence[TodoRow]) -> None:
    # In one go, for a change of many may move thousands. A job that has its id already stays as it is.
    group(
        send_task_reminder.s(**job_input(row)).set(task_id=row.reminder_job, eta=row.remind_at)
        for row in rows
    ).apply_async()


def _drop(job_ids: Sequence[str]) -> None:
    # Terminating, so that a child of a worker asks its main process, which has the ledger's connection.
    current_app.control.revoke(list(job_ids), terminate=True)


def _forget(owners: Sequence[str]) -> None:
    """Best effort, and for tidiness only: what a change made void is not read any more."""
    if owners:
        asyncio.run(_forget_in_cache(owners))


async def _forget_in_cache(owners: Sequence[str]) -> None:
    current = settings()
    url = current.redis_url.get_secret_value()
    cache = Cache(redis_client(url, current.cache_seconds, CACHE_CONNECTIONS) if url else None, current)
    try:
        for first in range(0, len(owners), FORGET_AT_ONCE):
            await cache.forget(owners[first : first + FORGET_AT_ONCE])
    finally:
        await cache.close()
