"""An app's beat_schedule as schedules of the ledger; what cannot be one is kept with the reason."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

from celery import Celery
from celery.beat import BeatLazyFunc, ScheduleEntry
from celery.schedules import crontab, schedule
from kombu.utils.json import dumps

from windrow.beat.job_options import job_fields
from windrow.core.errors import InvalidJob
from windrow.core.schedule import parse_spec, zone
from windrow.store.schedules import ScheduleRow

#: A clock of its own that tells another time than ours cannot be kept in the ledger.
MAX_CLOCK_SECONDS = 60.0


class Declaration(NamedTuple):
    """What the app's code says."""

    rows: list[ScheduleRow]
    #: Inputs that are made anew for each tick: schedule id -> JSON text of `[args, kwargs]`.
    lazy: dict[str, Callable[[], str]]


class Refused(Exception):
    """The ledger cannot keep this entry; the message says why."""


def declaration(app: Celery) -> Declaration:
    """Read `app.conf.beat_schedule`; no entry spoils another."""
    rows: list[ScheduleRow] = []
    lazy: dict[str, Callable[[], str]] = {}
    for name, wish in (app.conf.beat_schedule or {}).items():
        task = wish.get("task") if isinstance(wish, dict) else getattr(wish, "task", None)
        try:
            if not isinstance(task, str):
                raise Refused("It names no task.")
            if "\x00" in f"{name}{task}":
                raise Refused("A name holds a NUL.")
            entry = (
                wish
                if isinstance(wish, ScheduleEntry)
                else ScheduleEntry(**{**wish, "name": name, "app": app})
            )
            rows.append(_row(app, str(name), entry))
            if _is_lazy(entry):
                lazy[str(name)] = partial(_text, entry)
        except Exception as exc:
            reason = str(exc) if isinstance(exc, (Refused, InvalidJob)) else f"{type(exc).__name__}: {exc}"
            rows.append(
                ScheduleRow(
                    _clean(name), _clean(task), None, "[[], {}]", None, 0, "", "", error=_clean(reason)
                )
            )
    return Declaration(rows, lazy)


def _clean(value: object) -> str:
    """What Postgres can keep of a name or a reason."""
    return str(value).replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def _row(app: Celery, name: str, entry: ScheduleEntry) -> ScheduleRow:
    kind, spec, timezone, next_at = _when(entry.schedule)
    parse_spec(kind, spec)
    zone(timezone)
    fields = job_fields(app, entry)
    queue, priority = fields.pop("queue"), fields.pop("priority")
    text = "[[], {}]" if _is_lazy(entry) else _text(entry)
    (name + entry.task + queue).encode()
    return ScheduleRow(
        name, entry.task, queue, text, json.dumps(fields), priority, kind, spec, timezone, next_at=next_at
    )


def _when(wish: Any) -> tuple[str, str, str, datetime | None]:
    """kind, spec, time zone and, where it is not the usual one, the first moment."""
    if type(wish).__name__ == "solar":
        raise Refused("Solar schedules are not supported: use a crontab, or submit the job yourself.")
    _check_clock(wish)
    if isinstance(wish, crontab):
        return "crontab", _expression(wish), _zone_name(wish), None
    if type(wish) is schedule:
        first = None
        if wish.relative:
            # Rounded to the interval's own unit, once: from there it counts on.
            now = datetime.now(UTC)
            first = now + wish.remaining_estimate(now)
            # Celery reads the clock once more: microseconds too early is the unit before.
            first = first.replace(microsecond=0) + timedelta(seconds=first.microsecond > 0)
        return "interval", repr(wish.run_every.total_seconds()), "UTC", first
    raise Refused(f"A schedule of the class {type(wish).__name__} cannot be kept in the ledger.")


def _check_clock(wish: Any) -> None:
    if wish.nowfun is None:
        return
    now = wish.maybe_make_aware(wish.now())
    if abs(now.timestamp() - time.time()) > MAX_CLOCK_SECONDS:
        raise Refused(f"Its nowfun tells {now.isoformat()}: schedules follow the ledger's clock.")


def _zone_name(wish: Any) -> str:
    """The zone whose wall clock a crontab follows: Celery's own rule, the app's unless a subclass says otherwise."""
    name = getattr(wish.tz, "key", None) or getattr(wish.tz, "zone", None)
    if name is None:
        offset = wish.tz.utcoffset(None)
        if offset != timedelta(0):
            raise Refused(f"The time zone {wish.tz} has no IANA name: set `timezone`, e.g. Europe/Berlin.")
        name = "UTC"
    return str(name)


def _expression(wish: Any) -> str:
    """Five fields from the expanded ones: Celery's own spelling (names, wrapping ranges) is read by Celery."""
    return " ".join(
        "*" if len(values) == size else ",".join(map(str, sorted(values)))
        for values, size in (
            (wish.minute, 60),
            (wish.hour, 24),
            (wish.day_of_month, 31),
            (wish.month_of_year, 12),
            (wish.day_of_week, 7),
        )
    )


def _is_lazy(entry: ScheduleEntry) -> bool:
    values = [*(entry.args or ()), *(entry.kwargs or {}).values()]
    return any(isinstance(value, BeatLazyFunc) for value in values)


def _text(entry: ScheduleEntry) -> str:
    args = [value() if isinstance(value, BeatLazyFunc) else value for value in entry.args or ()]
    kwargs = {
        name: value() if isinstance(value, BeatLazyFunc) else value
        for name, value in (entry.kwargs or {}).items()
    }
    text: str = dumps([args, kwargs])
    return text
