"""The sections of a report: each is data, made by a job of its own, that the PDF is built from."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from windrow_apps.mailroom.figures import Figures

MAX_ROWS = 30
MAX_BARS = 12
#: A chart of more days than these shows weeks.
MAX_CHART_DAYS = 62

Section = dict[str, Any]


def section(name: str, first: date, last: date, figures: Figures) -> Section:
    """`{"name", "title", "facts", "tables", "charts"}`, JSON-ready. Raises KeyError for an unknown name."""
    made = SECTIONS[name](first, last, figures)
    return {"name": name, "facts": [], "tables": [], "charts": [], **made}


def _jobs(first: date, last: date, figures: Figures) -> Section:
    days = {row["day"]: row for row in figures.days(first, last)}
    total = {kind: sum(row[kind] for row in days.values()) for kind in ("succeeded", "failed", "stopped")}
    ended = sum(total.values())
    rate = f"{100 * total['succeeded'] / ended:.1f} %" if ended else "-"
    waiting = figures.waiting()
    if first == last:
        hours = {row["hour"]: row for row in figures.hours(first)}
        labels = [f"{hour:02}" for hour in range(24)]
        rows: list[Any] = [hours.get(hour) for hour in range(24)]
        title = "Ended jobs by hour"
    else:
        buckets = _buckets(first, last)
        labels = [start.strftime("%d.%m.") for start, _ in buckets]
        rows = [_sum([days[day] for day in days if start <= day <= end]) for start, end in buckets]
        title = "Ended jobs by day" if len(buckets) == (last - first).days + 1 else "Ended jobs by week"
    series = [
        {"name": kind, "values": [row[kind] if row else 0 for row in rows]}
        for kind in ("succeeded", "failed")
    ]
    return {
        "title": "Jobs",
        "facts": [
            ["Ended", ended],
            ["Succeeded", f"{total['succeeded']} ({rate})"],
            ["Failed", total["failed"]],
            ["Cancelled or expired", total["stopped"]],
        ],
        "charts": [{"kind": "bars", "title": title, "labels": labels, "series": series}],
        "tables": [
            {
                "title": "Not ended, when this was made",
                "head": ["State", "Jobs"],
                "rows": [[row["state"], row["jobs"]] for row in waiting] or [["none", 0]],
            }
        ],
    }


def _tasks(first: date, last: date, figures: Figures) -> Section:
    rows = figures.tasks(first, last, MAX_ROWS)
    busiest = rows[:MAX_BARS]
    ended = [row["succeeded"] + row["failed"] + row["stopped"] for row in busiest]
    chart = {
        "kind": "pie",
        "title": "Ended jobs by task",
        "labels": [row["task"] for row in busiest],
        "series": [{"name": "ended", "values": ended}],
    }
    return {
        "title": "Tasks",
        "tables": [
            {
                "title": "The busiest",
                "head": ["Task", "Succeeded", "Failed", "Stopped", "Mean s", "Longest s"],
                "rows": [
                    [
                        row["task"],
                        row["succeeded"],
                        row["failed"],
                        row["stopped"],
                        "-" if row["mean"] is None else round(row["mean"], 3),
                        round(row["longest"], 3),
                    ]
                    for row in rows
                ]
                or [["none", 0, 0, 0, "-", "-"]],
            }
        ],
        "charts": [chart] if any(ended) else [],
    }


def _failures(first: date, last: date, figures: Figures) -> Section:
    rows = figures.failures(first, last, MAX_ROWS)
    return {
        "title": "Failures",
        "tables": [
            {
                "title": "By task and error, of the jobs that the ledger still has",
                "head": ["Task", "Error", "Jobs", "Latest"],
                "rows": [
                    [row["task"], row["cls"], row["jobs"], f"{row['latest']:%Y-%m-%d %H:%M} UTC"]
                    for row in rows
                ]
                or [["none", "", 0, ""]],
            }
        ],
    }


def _mails(first: date, last: date, figures: Figures) -> Section:
    row = figures.mails(first, last)
    return {
        "title": "Mail",
        "facts": [
            ["Sent (kept for two days)", row["sent"]],
            ["Sent after a try without a record", row["again"]],
            ["Not sent", row["unsent"]],
        ],
    }


def _todos(first: date, last: date, figures: Figures) -> Section:
    row = figures.todos(first, last)
    if row is None:
        return {"title": "To-dos", "facts": [["To-dos", "not kept here"]]}
    parts = [("overdue", "overdue"), ("due later", "due_later"), ("without deadline", "without_deadline")]
    chart = {
        "kind": "pie",
        "title": "Open to-dos",
        "labels": [label for label, _ in parts],
        "series": [{"name": "open", "values": [row[key] for _, key in parts]}],
    }
    return {
        "title": "To-dos",
        "facts": [
            ["Created", row["created"]],
            ["Completed", row["completed"]],
            ["Open", row["open"]],
            ["Overdue", row["overdue"]],
        ],
        "charts": [chart] if row["open"] else [],
    }


SECTIONS: dict[str, Callable[[date, date, Figures], Section]] = {
    "jobs": _jobs,
    "tasks": _tasks,
    "failures": _failures,
    "mails": _mails,
    "todos": _todos,
}


def _buckets(first: date, last: date) -> list[tuple[date, date]]:
    """Days, or weeks where there are too many, each by its ends."""
    count = (last - first).days + 1
    step = 1 if count <= MAX_CHART_DAYS else 7
    starts = [first + timedelta(days=n) for n in range(0, count, step)]
    return [(start, min(start + timedelta(days=step - 1), last)) for start in starts]


def _sum(rows: list[dict[str, Any]]) -> dict[str, int]:
    return {kind: sum(row[kind] for row in rows) for kind in ("succeeded", "failed")}
