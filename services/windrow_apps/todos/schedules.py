"""When the todos app does what nobody asked for."""

from typing import Any

from celery.schedules import crontab


def schedules() -> dict[str, dict[str, Any]]:
    """Entries like those of Celery's `beat_schedule`; the clock is beat's time zone."""
    return {
        "check-overdue": {"task": "todos.check_overdue_tasks", "schedule": crontab(minute="0")},
        "statistics": {"task": "todos.process_task_statistics", "schedule": crontab(minute="30")},
        "daily-cleanup": {"task": "todos.daily_cleanup", "schedule": crontab(hour="2", minute="0")},
    }
