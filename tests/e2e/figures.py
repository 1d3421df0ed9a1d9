"""What was measured, printed at the end and written to docs/e2e-report.md when asked."""

from __future__ import annotations

import platform
import subprocess
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

from tests.e2e.images import ROOT

REPORT = ROOT / "docs" / "e2e-report.md"
HEAD = """# The chart on a real cluster

Written by `make e2e-full ARGS=--report`: {count} cases, {outcome}, on {when}, commit `{commit}`, Kubernetes
{version}, {machine}. Times are seconds, bounded by nothing but patience: they say what was seen on this machine.

What this cluster cannot show: NetworkPolicies are not enforced, there is one node, and control groups are
version 1. The policies are applied all the same.

| Case | Figure | Value |
|---|---|---|
"""


class Figures:
    """Lines by case."""

    def __init__(self) -> None:
        self.lines: dict[str, list[tuple[str, str]]] = defaultdict(list)
        self.outcomes: dict[str, str] = {}
        self.kubernetes = "?"

    def add(self, case: str, what: str, value: object) -> None:
        """One figure; seconds as a float."""
        self.lines[case].append((what, f"{value:.1f} s" if isinstance(value, float) else str(value)))

    def text(self) -> list[str]:
        return [f"{case}: {what}: {value}" for case, lines in self.lines.items() for what, value in lines]

    def write(self, path: Path = REPORT) -> None:
        """As Markdown."""
        bad = [case for case, outcome in self.outcomes.items() if outcome != "passed"]
        rows = []
        for case, outcome in self.outcomes.items():
            rows.append(f"| {case} | | **{outcome}** |")
            rows += [f"| | {what} | {value} |" for what, value in self.lines.get(case, [])]
        head = HEAD.format(
            count=len(self.outcomes),
            outcome="all passed" if not bad else f"{len(bad)} not passed",
            when=f"{datetime.now(UTC):%Y-%m-%d}",
            commit=_commit(),
            version=self.kubernetes,
            machine=f"{platform.machine()}, {_cores()} cores",
        )
        path.write_text(head + "\n".join(rows) + "\n", encoding="utf-8")


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30)
    return answer.stdout.strip() or "unknown"


def _cores() -> int:
    import os

    return os.cpu_count() or 0
