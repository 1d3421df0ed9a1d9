"""A named point in a process under test: whoever passes it when it is armed is killed there.

Arming is a file, claimed by its rename: of all processes that pass, exactly one dies.
"""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import NamedTuple

FOLDER = "FAULTS_POINTS"


class Hit(NamedTuple):
    """A process that was killed at a point."""

    pid: int
    at: float


def passing(point: str) -> None:
    """Die here if the point is armed; costs one failing rename otherwise."""
    folder = os.environ.get(FOLDER)
    if folder is None:
        return
    armed, mine = f"{folder}/{point}", f"{folder}/{point}.{os.getpid()}"
    try:
        os.rename(armed, mine)
    except FileNotFoundError:
        return
    order = json.loads(Path(mine).read_text())
    if order["skip"] > 0:
        Path(mine).write_text(json.dumps({**order, "skip": order["skip"] - 1}))
        os.rename(mine, armed)
        return
    Path(mine).write_text(json.dumps([os.getpid(), time.time()]))
    os.rename(mine, f"{folder}/{point}.hit")
    if order["tree"]:
        os.killpg(os.getpgrp(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


class Points:
    """The test's side: arms points and hears of hits."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder

    def arm(self, point: str, skip: int = 0, tree: bool = False) -> None:
        """Kill the process that passes `point` after `skip` others did; with `tree` its whole process group."""
        (self.folder / f"{point}.hit").unlink(missing_ok=True)
        order = self.folder / f"{point}.order"
        order.write_text(json.dumps({"skip": skip, "tree": tree}))
        order.rename(self.folder / point)

    def hit(self, point: str) -> Hit | None:
        """Who died at it since it was armed."""
        try:
            return Hit(*json.loads((self.folder / f"{point}.hit").read_text()))
        except FileNotFoundError:
            return None

    def disarm_all(self) -> None:
        """Let everybody pass."""
        for file in self.folder.iterdir():
            file.unlink(missing_ok=True)
