"""The rules of a to-do: what follows from a change, and when its owner is reminded."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from windrow_apps.todos.rows import TodoRow, blank, changed, remind_moment

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = datetime(2026, 3, 2, 12, tzinfo=UTC)
DEADLINE = datetime(2026, 3, 20, 9, tzinfo=UTC)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("deadline", "zone", "moment"),
    [
        # No change of the clock: 24 hours.
        ("2026-03-20T09:00:00+00:00", "UTC", "2026-03-19T09:00:00+00:00"),
        ("2026-03-20T09:00:00+01:00", "Europe/Berlin", "2026-03-19T09:00:00+01:00"),
        # Berlin leaves out 02:00-03:00 on 29 March: nine o'clock the day before is 23 hours before.
        ("2026-03-29T09:00:00+02:00", "Europe/Berlin", "2026-03-28T09:00:00+01:00"),
        # And has 02:00-03:00 twice on 25 October: 25 hours.
        ("2026-10-25T09:00:00+01:00", "Europe/Berlin", "2026-10-24T09:00:00+02:00"),
        # The zone counts, not the offset that the deadline is written with.
        ("2026-03-29T07:00:00+00:00", "Europe/Berlin", "2026-03-28T08:00:00+00:00"),
        ("2026-03-29T07:00:00+00:00", "UTC", "2026-03-28T07:00:00+00:00"),
        # America changes on another day.
        ("2026-03-08T09:00:00-04:00", "America/New_York", "2026-03-07T09:00:00-05:00"),
        # 02:30 is left out on the day before: an hour later by the clock.
        ("2026-03-30T02:30:00+02:00", "Europe/Berlin", "2026-03-29T03:30:00+02:00"),
        # 02:30 comes twice on the day before: the first.
        ("2026-10-26T02:30:00+01:00", "Europe/Berlin", "2026-10-25T02:30:00+02:00"),
        # The second 02:30 of that day has one before it the day before.
        ("2026-10-25T02:30:00+01:00", "Europe/Berlin", "2026-10-24T02:30:00+02:00"),
        # Samoa left out a whole day.
        ("2011-12-31T09:00:00+14:00", "Pacific/Apia", "2011-12-31T09:00:00+14:00"),
    ],
)
def test_a_reminder_comes_a_day_of_wall_clock_before_the_deadline(
    deadline: str, zone: str, moment: str
) -> None:
    assert remind_moment(at(deadline), zone) == at(moment)


class Story:
    """A to-do and its changes; job ids are numbered."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self.row = blank("me", NOW)

    def change(self, now: datetime = NOW, **fields: Any) -> TodoRow:
        self.row = changed(self.row, fields, now, lambda: f"job-{next(self._numbers)}")
        return self.row


def plan(row: TodoRow) -> tuple[str | None, datetime | None]:
    return row.reminder_job, row.remind_at


def test_another_deadline_is_another_reminder_and_none_is_none() -> None:
    story = Story()
    assert plan(story.change(title="x")) == (None, None)
    assert plan(story.change(deadline=DEADLINE)) == ("job-1", datetime(2026, 3, 19, 9, tzinfo=UTC))
    assert plan(story.change(title="y")) == ("job-1", datetime(2026, 3, 19, 9, tzinfo=UTC))
    assert plan(story.change(deadline=DEADLINE.replace(day=25)))[0] == "job-2"
    assert plan(story.change(deadline=None)) == (None, None)


def test_another_zone_is_another_reminder_where_its_clock_is_changed() -> None:
    story = Story()
    story.change(deadline=at("2026-03-29T07:00:00+00:00"))
    assert story.change(timezone="Europe/Berlin").reminder_job == "job-2"
    assert story.change(timezone="Europe/Paris").reminder_job == "job-2"


def test_a_kept_reminder_stays_kept_and_a_new_one_is_not_kept_yet() -> None:
    story = Story()
    story.row = replace(story.change(deadline=DEADLINE), reminder_kept=True)
    assert story.change(title="x").reminder_kept is True
    assert story.change(deadline=DEADLINE.replace(day=25)).reminder_kept is False


def test_nobody_is_reminded_of_what_is_done_and_again_once_it_is_not() -> None:
    story = Story()
    story.change(deadline=DEADLINE)
    assert plan(story.change(completed=True)) == (None, None)
    assert plan(story.change(completed=False))[0] == "job-2"


def test_a_deadline_within_a_day_reminds_at_once_and_one_that_is_past_does_not() -> None:
    story = Story()
    near = story.change(deadline=NOW.replace(hour=20))
    assert near.remind_at is not None
    assert near.remind_at < NOW
    assert near.reminder_job == "job-1"
    past = story.change(deadline=NOW)
    assert plan(past) == (None, None)
    assert past.overdue


def test_completion_has_a_moment_that_stays_and_ends_overdue() -> None:
    story = Story()
    assert story.change(deadline=NOW).overdue
    done = story.change(completed=True)
    assert (done.completed_at, done.overdue) == (NOW, False)
    again = story.change(LATER, completed=True, title="z")
    assert (again.completed_at, again.updated_at) == (NOW, LATER)
    back = story.change(LATER, completed=False)
    assert (back.completed_at, back.overdue) == (None, True)
