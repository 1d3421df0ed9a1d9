"""Rows and lines on their way from the lane that ran a test to the process that prints the tables and keeps them.

A lane is a worker of pytest-xdist; without lanes both ends are one process.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from tests.faults.finished import Finished
from tests.faults.progress import Progress
from tests.faults.report import Line, Report
from tests.faults.rows import Row, Rows, read_rows
from tests.faults.sizes import FULL

#: Names of a report's user properties.
ROWS, LINES = "faults: rows", "faults: lines"


class Collector:
    """A plugin: in a lane it hands over what the tests wrote down, elsewhere it takes that and tells of it."""

    def __init__(self, config: pytest.Config, seed: int, finished: Finished | None) -> None:
        """`finished`: what the full form has done already, and where it keeps what it does now."""
        self.seed = seed
        self.finished = finished
        #: What the tests of this process write to.
        self.rows, self.report = Rows(), Report()
        self._config = config
        #: Test -> its rows and lines; the last try counts.
        self._heard: dict[str, tuple[list[Row], list[Line]]] = {}
        self._progress = Progress() if FULL and not hasattr(config, "workerinput") else None

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """A lane works with the same seed, and leaves out the same tests."""
        node.workerinput["faults seed"] = self.seed
        node.workerinput["faults done"] = sorted(self.finished.done) if self.finished else []

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        if self._progress:
            self._progress.expect(len(session.items))

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        if self._progress:
            self._progress.expect(len(ids))

    @pytest.hookimpl(tryfirst=True, wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
        if call.when == "call":
            kept = [one for one in item.user_properties if one[0] not in (ROWS, LINES)]
            kept.append((ROWS, [asdict(row) for row in self.rows.rows]))
            kept.append((LINES, [asdict(line) for line in self.report.lines]))
            self.rows.rows, self.report.lines = [], []
            item.user_properties[:] = kept
        return (yield)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "call" or hasattr(self._config, "workerinput"):
            return
        said = dict(report.user_properties)
        rows = [Row(**row) for row in said.get(ROWS, ())]  # type: ignore[attr-defined]
        lines = [Line(**line) for line in said.get(LINES, ())]  # type: ignore[attr-defined]
        name = report.nodeid.partition("@")[0]
        self._heard[name] = (rows, lines)
        if self.finished and str(report.outcome) != "rerun":
            self.finished.keep(name, report.passed, report.duration, rows, lines)
        if self._progress and str(report.outcome) != "rerun":
            self._progress.ended(report.passed)

    def pytest_sessionfinish(self) -> None:
        if self._progress:
            self._progress.close()

    def everything(self) -> tuple[Rows, Report]:
        """Of this run, and of those that it went on from."""
        rows, report = Rows(), Report()
        if self._config.getoption("lf", False):
            # What failed, once more: the rest is as it was.
            fresh = {row.fault for some, _ in self._heard.values() for row in some}
            rows.rows += [row for row in read_rows(self._file(rows)) if row.fault not in fresh]
        earlier = self.finished.rows_and_lines() if self.finished else {}
        for some, lines in {**earlier, **self._heard}.values():
            rows.rows += some
            report.lines += lines
        factors = [row.factor for row in rows.rows if row.factor]
        rows.notes["seed"] = self.seed
        if factors:
            rows.notes["slower than a quiet machine by"] = f"{min(factors):.1f} to {max(factors):.1f}"
        return rows, report

    def summary(self, terminal: pytest.TerminalReporter) -> None:
        """Print both tables and write them to build/."""
        rows, report = self.everything()
        for title, table in (("crash tests", report), ("faults", rows)):
            if not table:
                continue
            terminal.section(title)
            for name, note in table.notes.items():
                terminal.write_line(f"{name}: {note}")
            terminal.write_line(table.table())
            table.write(self._file(table))
            terminal.write_line(f"written to build/{self._file(table).name}")

    def _file(self, table: Rows | Report) -> Path:
        name = (
            "crash.json" if isinstance(table, Report) else "faults-full-rows.json" if FULL else "faults.json"
        )
        return Path(self._config.rootpath) / "build" / name
