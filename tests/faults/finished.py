"""What the full form has done, in build/faults-full.json: the next start of the same commit goes on from there."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.faults.report import Line
from tests.faults.rows import Row

FILE = "faults-full.json"


def commit(root: Path) -> str:
    """What is checked out, with a + when files differ from it."""

    def git(*words: str) -> str:
        ran = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=False)
        return ran.stdout.strip()

    return git("rev-parse", "--short=10", "HEAD") + ("+" if git("status", "--porcelain", "-uno") else "")


class Finished:
    """Test -> what it said; every end is written down at once."""

    def __init__(self, root: Path) -> None:
        self._path = root / "build" / FILE
        self.commit = commit(root)
        self._tests: dict[str, dict[str, Any]] = {}
        if self._path.exists():
            document = json.loads(self._path.read_text())
            if document["commit"] == self.commit:
                self._tests = document["tests"]

    @property
    def done(self) -> set[str]:
        """Tests that need not run again; what failed does."""
        return {name for name, said in self._tests.items() if said["passed"]}

    def keep(self, test: str, passed: bool, seconds: float, rows: list[Row], lines: list[Line]) -> None:
        """Write it down."""
        self._tests[test] = {
            "passed": passed,
            "seconds": round(seconds, 1),
            "rows": [asdict(row) for row in rows],
            "lines": [asdict(line) for line in lines],
        }
        self._path.parent.mkdir(exist_ok=True)
        # By another name first: whoever stops this run keeps what was whole.
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps({"commit": self.commit, "tests": self._tests}, indent=1) + "\n")
        os.replace(fresh, self._path)

    def rows_and_lines(self) -> dict[str, tuple[list[Row], list[Line]]]:
        """Of every test, those that failed included."""
        return {
            name: ([Row(**row) for row in said["rows"]], [Line(**line) for line in said["lines"]])
            for name, said in self._tests.items()
        }
