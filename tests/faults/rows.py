"""The report of the faults: a row a fault beside the control, printed and written to build/faults.json."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(slots=True)
class Row:
    """What one fault did."""

    fault: str
    accepted: int = 0
    final: int = 0
    lost: int = 0
    doubled: int = 0
    #: Runs of a body beyond those that its retries explain.
    extra_runs: int = 0
    #: Seconds from the fault until the last job accepted before it had ended.
    worst_recovery_s: float = 0.0
    bound_s: float = 0.0
    #: What plain Celery lost of how many under the same fault; empty where it was not asked.
    control: str = ""
    #: What else was measured.
    note: str = ""
    #: "ok", or what was found.
    verdict: str = "ok"
    #: How much slower than a quiet machine this one was meanwhile; the bound was stretched by it.
    factor: float = 0.0


_HEAD = (
    "fault",
    "accepted",
    "final",
    "lost",
    "doubled",
    "extra",
    "worst s",
    "bound s",
    "plain Celery",
    "note",
)


class Rows:
    """Collects rows; what a `control 01 …` lost is put beside the rows whose fault has its number."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.notes: dict[str, object] = {}

    def __bool__(self) -> bool:
        return bool(self.rows)

    def cells(self) -> list[tuple[str, ...]]:
        """The table's rows as text, in the order of the faults."""
        rows = sorted(self.rows, key=lambda row: row.fault)
        controls = {row.fault.split(" ")[1]: row.control for row in rows if row.fault.startswith("control")}
        for row in rows:
            row.control = controls.get(row.fault.split(" ")[0], row.control)
        return [
            (
                row.fault,
                str(row.accepted),
                str(row.final),
                str(row.lost),
                str(row.doubled),
                str(row.extra_runs),
                f"{row.worst_recovery_s:.1f}",
                f"{row.bound_s:.1f}",
                row.control,
                row.note if row.verdict == "ok" else f"{row.verdict}; {row.note}",
            )
            for row in rows
        ]

    def table(self) -> str:
        """For a terminal."""
        rows = [_HEAD, *self.cells()]
        widths = [max(len(row[n]) for row in rows) for n in range(len(_HEAD) - 1)]
        return "\n".join(
            "  ".join(
                [f"{row[0]:{widths[0]}}", *(f"{c:>{w}}" for c, w in zip(row[1:-1], widths[1:], strict=True))]
            )
            + f"  {row[-1]}"
            for row in rows
        )

    def markdown(self) -> str:
        """For docs/reliability.md."""
        lines = ["| " + " | ".join(_HEAD) + " |", "|---|" + "---:|" * (len(_HEAD) - 3) + "---|---|"]
        return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in self.cells())])

    def write(self, path: Path) -> None:
        """The rows alone, as JSON."""
        self.cells()
        path.parent.mkdir(exist_ok=True)
        rows = [asdict(row) for row in sorted(self.rows, key=lambda row: row.fault)]
        path.write_text(json.dumps(rows, indent=1) + "\n")


def read_rows(path: Path) -> list[Row]:
    """What `Rows.write` wrote; nothing when there is no such file."""
    return [Row(**row) for row in json.loads(path.read_text())] if path.exists() else []
