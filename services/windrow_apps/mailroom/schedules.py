"""What the mailroom does by the clock: clean up each hour, report each morning."""

from typing import Any

from celery.schedules import crontab


def schedules() -> dict[str, Any]:
    """Entries of a `beat_schedule`; 09:00 is that of WINDROW_TIMEZONE."""
    return {
        "cleanup": {"task": "mailroom.cleanup", "schedule": crontab(minute=5)},
        "daily-report": {
            "task": "mailroom.report",
            "schedule": crontab(hour=9, minute=0),
            "kwargs": {"report_type": "daily", "params": {}, "scheduled": True},
        },
    }
