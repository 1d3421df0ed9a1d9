"""The test's end of the nursery: orders a door, and tells whoever ordered it when it has ended."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Mapping
from pathlib import Path

from windrow.dev.guard import Guard

#: A machine with much to do takes long to import everything.
BIRTH_SECONDS = 150.0

#: Where an end is told: (pid, exit status).
Graves = queue.Queue[tuple[int, int]]


class Nursery:
    """One for all stacks of a lane: its imports take seconds, a fork does not."""

    def __init__(self, guard: Guard, log: Path) -> None:
        self.guard = guard
        self._lock = threading.Lock()
        self._born: queue.Queue[int] = queue.Queue()
        #: Who ordered what is not born yet, and who what is.
        self._waiting: deque[Graves] = deque()
        self._owners: dict[int, Graves] = {}
        with log.open("wb") as file:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.nursery"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                start_new_session=True,
            )
        guard.watch(self._process.pid)
        self._ears = threading.Thread(target=self._listen, name="nursery-ears", daemon=True)
        self._ears.start()

    def bear(self, door: str, env: Mapping[str, str], log: Path, graves: Graves) -> int:
        """Start a door and return its pid; its end goes to `graves`."""
        order = {"door": door, "env": dict(env), "log": str(log)}
        with self._lock:
            assert self._process.stdin is not None
            self._waiting.append(graves)
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()
            return self._born.get(timeout=BIRTH_SECONDS)

    def close(self) -> None:
        """End it; the doors belong to those who ordered them."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._ears.join(10)
        self._process.stdout.close()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            words = json.loads(line)
            if "pid" in words:
                self._owners[words["pid"]] = self._waiting.popleft()
                self._born.put(words["pid"])
            else:
                self._owners.pop(words["exit"]).put((words["exit"], words["status"]))
