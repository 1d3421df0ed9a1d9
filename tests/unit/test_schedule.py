"""When schedules fire, against a slow and obvious count of minutes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from windrow.core.errors import InvalidJob
from windrow.core.schedule import Cron, Interval, Once, Spec, missed, next_after, parse_spec, zone

MINUTE = timedelta(minutes=1)
#: Days on which clocks change: an hour, half an hour, at midnight, and a whole day that never was.
CHANGES = [
    ("Europe/Berlin", datetime(2026, 3, 29, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 10, 25, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 3, 8, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 11, 1, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 10, 3, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, tzinfo=UTC)),
    ("Africa/Cairo", datetime(2026, 4, 23, tzinfo=UTC)),
    ("Pacific/Apia", datetime(2011, 12, 30, tzinfo=UTC)),
    ("UTC", datetime(2026, 2, 28, tzinfo=UTC)),
]

minutes = st.sampled_from(["0", "30", "0,30", "*/20", "5-10", "15,45", "59"])
hours = st.sampled_from(["0", "1", "2", "3", "1-3", "*/2", "2,14", "23"])
days = st.sampled_from([("*", "*"), ("*", "0,6"), ("1-28", "*"), ("*/2", "*")])


def at(text: str, tz: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(tz)).astimezone(UTC)


def after(expression: str, tz: str, text: str) -> datetime:
    found = next_after(Cron(expression), zone(tz), at(text, tz))
    assert found is not None
    return found


def exists(moment: datetime) -> bool:
    return moment.astimezone(UTC).astimezone(moment.tzinfo).replace(fold=0) == moment.replace(fold=0)


def wall_moments(expression: str, tz: ZoneInfo, day: datetime) -> list[datetime]:
    """Every moment of nine days around `day`, by the wall clock: skipped ones at the change."""
    fields = CronSim(expression, datetime(2000, 1, 1, tzinfo=UTC))
    naive = datetime(day.year, day.month, day.day) - timedelta(days=4)  # noqa: DTZ001 - the wall clock's
    walls = [naive + n * MINUTE for n in range(9 * 1440)]
    found: set[datetime] = set()
    for wall in walls:
        if wall.minute not in fields.minutes or wall.hour not in fields.hours or not fields.match_day(wall):
            continue
        shown = wall.replace(tzinfo=tz)
        while not exists(shown):
            shown += MINUTE
        found.add(shown.astimezone(UTC))
    return sorted(found)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(CHANGES), minutes, hours, days, st.integers(-2 * 1440, 2 * 1440))
def test_a_fixed_time_fires_once_for_each_time_on_the_wall(
    change: tuple[str, datetime], minute: str, hour: str, day: tuple[str, str], offset: int
) -> None:
    name, middle = change
    expression = f"{minute} {hour} {day[0]} * {day[1]}"
    moments = wall_moments(expression, ZoneInfo(name), middle)
    start = middle + offset * MINUTE
    expected = next((m for m in moments if m > start), None)
    if expected is not None:
        assert next_after(Cron(expression), ZoneInfo(name), start) == expected


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(CHANGES), minutes, st.integers(-3000, 3000))
def test_an_hourly_cron_follows_the_hours_that_pass(
    change: tuple[str, datetime], minute: str, offset: int
) -> None:
    tz = ZoneInfo(change[0])
    start = change[1] + offset * MINUTE
    expected = start.replace(second=0) + MINUTE
    wanted = CronSim(f"{minute} * * * *", datetime(2000, 1, 1, tzinfo=UTC)).minutes
    while expected.astimezone(tz).minute not in wanted:
        expected += MINUTE
    assert next_after(Cron(f"{minute} * * * *"), tz, start) == expected


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(
        st.builds(lambda m, h, d: Cron(f"{m} {h} {d[0]} * {d[1]}"), minutes, hours | st.just("*"), days),
        st.builds(Interval, st.floats(0.05, 1e7)),
    ),
    st.sampled_from(CHANGES),
    st.integers(-5000, 5000),
    st.integers(0, 5000),
)
def test_the_next_moment_is_later_and_the_order_of_moments_is_kept(
    spec: Spec, change: tuple[str, datetime], offset: int, more: int
) -> None:
    tz, start = ZoneInfo(change[0]), change[1] + offset * MINUTE
    first = next_after(spec, tz, start, change[1])
    later = next_after(spec, tz, start + more * MINUTE, change[1])
    assert first is not None
    assert later is not None
    assert first > start
    assert later >= first
    if isinstance(spec, Cron):
        assert next_after(spec, tz, first - timedelta(microseconds=1)) == first


def test_a_time_that_the_clocks_skip_runs_once_when_they_are_changed() -> None:
    assert after("30 2 * * *", "Europe/Berlin", "2026-03-29T00:00") == at("2026-03-29T03:00", "Europe/Berlin")
    assert after("30 2 * * *", "Europe/Berlin", "2026-03-29T03:00") == at("2026-03-30T02:30", "Europe/Berlin")
    assert after("*/10 2 * * *", "Europe/Berlin", "2026-03-29T03:00") == at(
        "2026-03-30T02:00", "Europe/Berlin"
    )


def test_a_time_that_the_clocks_repeat_runs_once() -> None:
    first = after("30 2 * * *", "Europe/Berlin", "2026-10-25T00:00")
    assert first == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    for missing in range(0, 120, 7):
        again = next_after(Cron("30 2 * * *"), zone("Europe/Berlin"), first + missing * MINUTE)
        assert again == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


def test_cron_takes_either_day_field_and_celerys_crontab_both() -> None:
    start = at("2026-06-01T12:00", "UTC")  # A Monday.
    assert next_after(parse_spec("cron", "0 0 13 * 5"), zone("UTC"), start) == at("2026-06-05T00:00", "UTC")
    assert next_after(parse_spec("crontab", "0 0 13 * 5"), zone("UTC"), start) == at(
        "2026-11-13T00:00", "UTC"
    )


def test_an_interval_keeps_its_phase_whenever_it_is_asked() -> None:
    anchor = datetime(2026, 1, 1, tzinfo=UTC)
    asked = anchor + timedelta(seconds=35)
    assert next_after(Interval(10), zone("UTC"), asked, anchor) == anchor + timedelta(seconds=40)
    assert next_after(Interval(10), zone("UTC"), asked) == asked + timedelta(seconds=10)


def test_a_one_off_has_no_second_moment() -> None:
    spec = parse_spec("once", "2030-01-31T09:00:00+01:00")
    assert isinstance(spec, Once)
    assert next_after(spec, zone("UTC"), datetime(2029, 1, 1, tzinfo=UTC)) == datetime(
        2030, 1, 31, 8, tzinfo=UTC
    )
    assert next_after(spec, zone("UTC"), datetime(2030, 1, 31, 8, tzinfo=UTC)) is None


@pytest.mark.parametrize("limit", [1, 3])
@pytest.mark.parametrize("spec", [Interval(0.05), Interval(7), Cron("* * * * *"), Cron("30 2 * * *")])
def test_after_a_month_away_the_last_moments_are_found_without_counting_all(spec: Spec, limit: int) -> None:
    tz, due = zone("Europe/Berlin"), datetime(2026, 10, 1, 0, 30, tzinfo=UTC)
    now = due + timedelta(days=30, seconds=11)
    moments, following = missed(spec, tz, due, now, limit)
    assert len(moments) == limit
    assert following is not None
    assert moments[-1] <= now < following
    for earlier, later in zip(moments, [*moments[1:], following], strict=True):
        assert next_after(spec, tz, earlier, earlier) == later


def test_a_single_moment_is_missed_alone() -> None:
    due = datetime(2026, 1, 1, tzinfo=UTC)
    assert missed(Once(due), zone("UTC"), due, due + MINUTE, 5) == ([due], None)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("cron", "* * * *"),
        ("cron", "61 * * * *"),
        ("cron", "0 0 30 2 *"),
        ("cron", "* * * * * *"),
        ("cron", "\x00 * * * *"),
        ("interval", "0"),
        ("interval", "nan"),
        ("interval", "-1"),
        ("interval", "soon"),
        ("once", "2030-01-01T00:00:00"),
        ("once", "tomorrow"),
        ("solar", "sunset"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_field_and_the_fix(kind: str, text: str) -> None:
    with pytest.raises(InvalidJob) as refusal:
        parse_spec(kind, text)
    assert refusal.value.field in ("/kind", "/spec")
    assert refusal.value.fix


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../etc/passwd", "\x00", "Europe"])
def test_an_unknown_zone_is_refused(name: str) -> None:
    with pytest.raises(InvalidJob):
        zone(name)
