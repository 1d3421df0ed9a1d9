"""A to-do as it is kept, and the rules by which it changes. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

REMIND_BEFORE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class TodoRow:
    """A row of todos.tasks."""

    id: int
    owner: str
    title: str
    description: str
    completed: bool
    deadline: datetime | None
    timezone: str
    overdue: bool
    created_at: datetime
    updated_at: datetime
    completed_at: datetime | None
    #: When its owner is reminded; None where nobody is. It may have passed.
    remind_at: datetime | None
    #: The job that does it, and whether the platform has it.
    reminder_job: str | None
    reminder_kept: bool


def blank(owner: str, now: datetime) -> TodoRow:
    """A to-do of `owner` before anything is said about it."""
    return TodoRow(
        id=0,
        owner=owner,
        title="",
        description="",
        completed=False,
        deadline=None,
        timezone="UTC",
        overdue=False,
        created_at=now,
        updated_at=now,
        completed_at=None,
        remind_at=None,
        reminder_job=None,
        reminder_kept=False,
    )


def remind_moment(deadline: datetime, timezone: str) -> datetime:
    """A day of the zone's wall clock before `deadline`: 23 or 25 hours when the clock is changed in between.

    A wall clock's time that a change leaves out is read with the offset before it, so it comes an hour later; one
    that comes twice is taken the first time.
    """
    zone = ZoneInfo(timezone)
    wall = deadline.astimezone(zone).replace(tzinfo=None, fold=0) - REMIND_BEFORE
    return wall.replace(tzinfo=zone).astimezone(UTC)


def changed(
    row: TodoRow, changes: Mapping[str, Any], now: datetime, new_job_id: Callable[[], str]
) -> TodoRow:
    """`row` with these fields, and all that follows from them; a reminder at another moment is another job."""
    new = replace(row, **changes, updated_at=now)
    late = new.deadline is not None and new.deadline <= now
    completed_at = (row.completed_at or now) if new.completed else None
    new = replace(new, completed_at=completed_at, overdue=late and not new.completed)
    wanted = None
    if new.deadline is not None and not new.completed and not late:
        wanted = remind_moment(new.deadline, new.timezone)
    same_plan = (wanted, new.deadline) == (row.remind_at, row.deadline)
    if same_plan or (wanted is None and row.reminder_job is None):
        return new
    job = None if wanted is None else new_job_id()
    return replace(new, remind_at=wanted, reminder_job=job, reminder_kept=False)
