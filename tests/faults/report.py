"""The table of a run: points (or victims) x outcomes, printed and written to build/crash.json."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(slots=True)
class Line:
    """What one point did."""

    point: str
    kills: int = 0
    #: Jobs whose caller was told that they are kept.
    accepted: int = 0
    #: All jobs of this line in the ledger, continuations included, and those that ended.
    jobs: int = 0
    final: int = 0
    lost: int = 0
    stuck: int = 0
    doubled: int = 0
    wrong: int = 0
    held: int = 0
    #: Jobs that ended failed because they were running each time something was killed: by the rules.
    by_rule: int = 0
    #: Runs of a body beyond those that its retries explain.
    extra_runs: int = 0
    #: Seconds from a kill until the last job accepted before it had ended; delays and retries included.
    recovery: float = 0.0
    #: That job's way, in seconds after that kill.
    slowest: str = ""
    findings: list[str] = field(default_factory=list)


_COLUMNS = (
    "kills",
    "accepted",
    "jobs",
    "final",
    "lost",
    "stuck",
    "doubled",
    "wrong",
    "held",
    "by_rule",
    "extra_runs",
)


class Report:
    """Collects lines."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.notes: dict[str, object] = {}

    def __bool__(self) -> bool:
        return bool(self.lines)

    def table(self) -> str:
        """As text, the sum below."""
        width = max([len(line.point) for line in self.lines] + [5])
        head = f"{'point':{width}} " + " ".join(f"{name:>{max(len(name), 5)}}" for name in _COLUMNS)
        rows = [f"{head} {'recovery s':>10}"]
        for line in [*self.lines, self._sum()]:
            cells = " ".join(f"{getattr(line, name):>{max(len(name), 5)}}" for name in _COLUMNS)
            rows.append(f"{line.point:{width}} {cells} {line.recovery:>10.1f}")
        return "\n".join(rows)

    def write(self, path: Path) -> None:
        """As JSON."""
        path.parent.mkdir(exist_ok=True)
        document = {**self.notes, "lines": [asdict(line) for line in self.lines], "sum": asdict(self._sum())}
        path.write_text(json.dumps(document, indent=1) + "\n")

    def _sum(self) -> Line:
        total = Line("all")
        for name in _COLUMNS:
            setattr(total, name, sum(getattr(line, name) for line in self.lines))
        total.recovery = max((line.recovery for line in self.lines), default=0.0)
        return total


def explain(findings: Sequence[str]) -> str:
    """The first of many findings."""
    return "\n".join([*findings[:20], f"{len(findings)} findings"])
