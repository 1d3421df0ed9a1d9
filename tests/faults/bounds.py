"""The crash points of the way of a job, the recovery that each is bound to, and which tests measure it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tests.faults.report import Line
from tests.faults.rows import Row


class CrashPoint(NamedTuple):
    """A line of that table."""

    name: str
    at_risk: str
    recovery: str
    #: Real seconds; 0: it is no matter of time.
    bound: float
    #: Points of tests/faults/points.py, and the beginnings of faults' rows.
    points: Sequence[str] = ()
    faults: Sequence[str] = ()


CRASH_POINTS = (
    CrashPoint("API before COMMIT", "no 202 was sent", "the caller repeats with its key", 0, ["api.before-commit"]),
    CrashPoint("API after COMMIT, before 202", "the caller is unsure", "same key, same job", 0, ["api.before-202"]),
    CrashPoint("After COMMIT, before the message", "nothing", "relay", 5, ["api.committed"]),
    CrashPoint(
        "Message sent, and an error heard", "a second message", "the claim drops it", 0, ["api.published"], ["22"]
    ),
    CrashPoint("Redis emptied, failed over, full", "all messages", "settle", 90, [], ["11", "13", "14"]),
    CrashPoint("Worker killed with a message, unclaimed", "the message", "rescue", 60, ["worker.taken"]),
    CrashPoint(
        "Worker killed in the middle of a job", "the attempt", "rescue", 75, ["tree.in-body"], ["01"]
    ),
    CrashPoint("Child killed in the middle of a job", "the attempt", "its worker", 75, ["child.in-body"], ["02"]),
    CrashPoint(
        "Worker killed after the finish, before the ack", "a second message", "the claim drops it", 0,
        ["worker.finished", "worker.before-ack"],
    ),
    CrashPoint("Worker asleep for two leases", "a second run", "the token refuses its outcome", 75, [], ["19"]),
    CrashPoint("A job that kills its worker", "a poison", "three failures, then failed", 300, [], ["03"]),
    CrashPoint(
        "Scheduler killed", "a late tick", "the other one", 30, ["beat.fire-uncommitted", "beat.fired"], ["20"]
    ),
    CrashPoint("PostgreSQL away for 60 s", "no accept", "503; workers keep outcomes", 60, [], ["16"]),
    CrashPoint("PostgreSQL fails over, synchronous", "nothing", "the standby", 60, [], ["17 failover to a sync"]),
)  # fmt: skip
#: What the full form of the faults kills at with real times.
MEASURED = frozenset(name for point in CRASH_POINTS for name in point.points)


def bounds_table(rows: Sequence[Row], lines: Sequence[Line]) -> str:
    """Markdown: each crash point with the worst that was measured."""
    table = [
        "| Crash point | At risk | Recovery | Bound s | Measured worst s | Kills |",
        "|---|---|---|---:|---:|---:|",
    ]
    for point in CRASH_POINTS:
        mine = [line for line in lines if line.point in point.points]
        other = [row for row in rows if row.fault.startswith(tuple(point.faults))] if point.faults else []
        worst = [line.recovery for line in mine] + [row.worst_recovery_s for row in other]
        bad = [line.point for line in mine if line.findings] + [
            row.fault for row in other if row.verdict != "ok"
        ]
        measured = f"{max(worst):.1f}" if worst else "not run"
        table.append(
            f"| {point.name} | {point.at_risk} | {point.recovery} | {f'{point.bound:g}' if point.bound else '-'} | "
            f"{measured}{'; BAD: ' + ', '.join(bad) if bad else ''} | {sum(line.kills for line in mine) or ''} |"
        )
    return "\n".join(table)
