"""How far the full form is: a bar on a terminal, a line a minute elsewhere. Lanes say where they are in small files."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

#: Names the folder of those files to the lanes, which inherit it.
FOLDER = "FAULTS_PROGRESS"
LOOK_SECONDS = 1.0
LINE_SECONDS = 60.0


def say(text: str) -> None:
    """Where this lane is now; nothing when nobody looks."""
    if folder := os.environ.get(FOLDER):
        (Path(folder) / os.environ.get("PYTEST_XDIST_WORKER", "all")).write_text(text)


class Progress:
    """Counts the tests that ended, and shows what each lane is at."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="windrow-progress-")
        os.environ[FOLDER] = self._folder.name
        self._console = Console(file=sys.__stderr__)
        self._bars = Bars(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
            console=self._console, auto_refresh=False, transient=True,
        )  # fmt: skip
        self._all = self._bars.add_task("faults", total=None)
        self._failed = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._show, name="progress", daemon=True)
        self._thread.start()

    def expect(self, tests: int) -> None:
        """So many are to run."""
        self._bars.update(self._all, total=tests)

    def ended(self, passed: bool) -> None:
        """One of them did."""
        self._failed += not passed
        self._bars.advance(self._all)

    def close(self) -> None:
        """Show nothing more."""
        self._stop.set()
        self._thread.join(10)
        os.environ.pop(FOLDER, None)
        self._folder.cleanup()

    def _lanes(self) -> str:
        files = sorted(Path(self._folder.name).glob("[!.]*"))
        return "; ".join(f"{file.name} {file.read_text()}" for file in files)

    def _show(self) -> None:
        line_at = time.monotonic() + LINE_SECONDS
        terminal = self._console.is_terminal
        if terminal:
            self._bars.start()
        while not self._stop.wait(LOOK_SECONDS):
            task = self._bars.tasks[0]
            if terminal:
                self._bars.update(
                    self._all, description=f"{self._lanes()}  failed {self._failed}", refresh=True
                )
            elif time.monotonic() > line_at:
                line_at += LINE_SECONDS
                done = f"{task.completed:.0f} of {task.total or 0:.0f}, {self._failed} failed"
                self._console.print(f"[{task.elapsed or 0:.0f} s] {done}: {self._lanes()}", highlight=False)
        if terminal:
            self._bars.stop()
