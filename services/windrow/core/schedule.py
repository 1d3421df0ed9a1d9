"""When a schedule fires: cron, interval and one-off times, with daylight saving done right.

Clock times follow the wall: a time that the change of clocks skips is taken once, at the change; a time
that the change repeats is taken once, the first time. A cron whose hour is `*` follows elapsed time: it
fires every hour that passes, also in a repeated one.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from windrow.core.errors import InvalidJob

MIN_INTERVAL_SECONDS = 0.05
MAX_INTERVAL_SECONDS = 10 * 366 * 86_400.0
#: Steps of a walk over missed moments before it starts again nearer to now.
_WALK = 500
_ALL_HOURS = frozenset(range(24))


@dataclass(frozen=True, slots=True)
class Cron:
    """Five fields: minute, hour, day of month, month, day of week."""

    expression: str
    #: Celery's meaning of two restricted day fields: both must match. Cron's own: either.
    both_days: bool = False


@dataclass(frozen=True, slots=True)
class Interval:
    """Every `seconds`, counted from the last moment."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Once:
    """At one moment, aware."""

    at: datetime


Spec = Cron | Interval | Once


def parse_spec(kind: str, text: str) -> Spec:
    """The spec that the ledger keeps as `kind` (cron, crontab, interval, once) and `text`.

    Raises InvalidJob with the field and the fix.
    """
    if kind in ("cron", "crontab"):
        return Cron(_checked(text), both_days=kind == "crontab")
    if kind == "interval":
        return Interval(_seconds(text))
    if kind == "once":
        return Once(_moment(text))
    raise InvalidJob(
        f"{kind!r} is no kind of schedule", "/kind", "Use one of cron, crontab, interval and once."
    )


def zone(name: str) -> ZoneInfo:
    """The IANA time zone `name`. Raises InvalidJob."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise InvalidJob(
            f"{name!r} is no time zone", "/timezone", "Use an IANA name, e.g. Europe/Berlin."
        ) from exc


def next_after(spec: Spec, tz: ZoneInfo, after: datetime, anchor: datetime | None = None) -> datetime | None:
    """The first moment of `spec` later than `after`, in UTC; None when there is none (within 50 years).

    `after` and `anchor` are aware. Intervals count from `anchor`, the last moment; without it from `after`.
    """
    after = after.astimezone(UTC)
    if isinstance(spec, Once):
        at = spec.at.astimezone(UTC)
        return at if at > after else None
    if isinstance(spec, Interval):
        return _next_interval(spec.seconds, after, (anchor or after).astimezone(UTC))
    return _next_cron(spec, tz, after)


def missed(
    spec: Spec, tz: ZoneInfo, due: datetime, now: datetime, limit: int
) -> tuple[list[datetime], datetime | None]:
    """The last `limit` moments from `due` (itself a moment) up to `now`, oldest first, and the next one after now."""
    moments: deque[datetime] = deque([due], maxlen=limit)
    cursor = due
    while True:
        for _ in range(_WALK):
            following = next_after(spec, tz, cursor, cursor)
            if following is None or following > now:
                return list(moments), following
            moments.append(following)
            cursor = following
        # Far behind: jump over half of what is left. An interval keeps its phase, cron needs none.
        nearer = next_after(spec, tz, cursor + (now - cursor) / 2, cursor)
        if nearer is not None and nearer <= now:
            cursor = nearer
            moments.append(cursor)


def _next_interval(seconds: float, after: datetime, anchor: datetime) -> datetime:
    step = timedelta(seconds=seconds)
    if anchor > after:
        return anchor
    times = math.floor((after - anchor) / step) + 1
    moment = anchor + times * step
    # A float's last digit may put the quotient on the wrong side of a whole number.
    while moment <= after:
        moment += step
    return moment


def _next_cron(spec: Cron, tz: ZoneInfo, after: datetime) -> datetime | None:
    # cronsim needs no special care for UTC, but knows it only by this name.
    local = after if tz.key == "UTC" else after.astimezone(tz)
    simulation = CronSim(_follows_wall(spec.expression), local)
    simulation.day_and = simulation.day_and or spec.both_days
    # A wall time that the clocks repeat is given for its first pass, which may lie behind `after`.
    for moment in simulation:
        found = moment.astimezone(UTC)
        if found > after:
            return found
    return None


@lru_cache(maxsize=1024)
def _follows_wall(expression: str) -> str:
    """`expression` so that cronsim follows the wall unless every hour is meant.

    It takes a leading star in the minute or hour field as the sign that elapsed time is meant.
    """
    minute, _, *rest = expression.split()
    hours = frozenset(CronSim(expression, datetime(2000, 1, 1, tzinfo=UTC)).hours)
    if hours == _ALL_HOURS:
        return " ".join((minute, "*", *rest))
    if minute.startswith("*"):
        minute = "0-59" + minute[1:]
    return " ".join((minute, ",".join(map(str, sorted(hours))), *rest))


def _checked(text: str) -> str:
    fix = "Give minute, hour, day of month, month and day of week, e.g. `30 4 * * 1-5`."
    if len(text) > 500 or len(text.split()) != 5:
        raise InvalidJob("a cron schedule has five fields", "/spec", fix)
    try:
        CronSim(text, datetime(2000, 1, 1, tzinfo=UTC))
    except CronSimError as exc:
        raise InvalidJob(f"cron schedule: {exc}", "/spec", fix) from exc
    return text


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not MIN_INTERVAL_SECONDS <= seconds <= MAX_INTERVAL_SECONDS:
        raise InvalidJob(
            f"{text!r} is no interval",
            "/spec",
            f"Give seconds between {MIN_INTERVAL_SECONDS} and {MAX_INTERVAL_SECONDS:.0f}.",
        )
    return seconds


def _moment(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise InvalidJob(
            f"{text!r} is no moment with a time zone",
            "/spec",
            "Use ISO 8601, e.g. 2030-01-31T09:00:00+01:00.",
        )
    return at
