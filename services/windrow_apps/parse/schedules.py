"""A range that is parsed again and again, where the operator asks for one."""

from typing import Any

from celery.schedules import crontab

from windrow_apps.parse.settings import settings


def schedules() -> dict[str, Any]:
    """Entries of a `beat_schedule`: one, or none. Raises ValueError for a setting that cannot be kept."""
    wish = settings()
    if not wish.schedule:
        return {}
    fields = wish.schedule.split()
    if len(fields) != 5:
        raise ValueError(
            f"WINDROW_PARSE_SCHEDULE is {wish.schedule!r}: write minute, hour, day of month, month, day of week"
        )
    minute, hour, day, month, weekday = fields
    when = crontab(minute=minute, hour=hour, day_of_month=day, month_of_year=month, day_of_week=weekday)
    pages = {"start_id": wish.schedule_start_id, "end_id": wish.schedule_end_id}
    return {"periodic": {"task": "parse.pages", "schedule": when, "kwargs": pages}}
