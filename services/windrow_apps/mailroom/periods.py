"""Which days a report is about."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, NamedTuple


class Period(NamedTuple):
    """Days, both ends included."""

    first: date
    last: date
    title: str


def period(report_type: str, params: dict[str, Any], today: date) -> Period:
    """The days that a report of this type covers, seen from `today`. Raises ValueError."""
    match report_type:
        case "daily":
            day = date.fromisoformat(params["day"]) if params.get("day") else today - timedelta(days=1)
            return Period(day, day, "Daily report")
        case "monthly":
            if params.get("month"):
                first = date.fromisoformat(f"{params['month']}-01")
            else:
                first = (today.replace(day=1) - timedelta(days=1)).replace(day=1)
            following = (first + timedelta(days=32)).replace(day=1)
            return Period(first, following - timedelta(days=1), "Monthly report")
        case "custom":
            first, last = date.fromisoformat(params["from"]), date.fromisoformat(params["to"])
            if first > last:
                raise ValueError("from is after to")
            return Period(first, last, "Report")
    raise ValueError(f"no report of the type {report_type!r}: daily, monthly or custom")
