"""The doors under test, kept running: what dies is buried with its process group and started again at once."""

from __future__ import annotations

import os
import queue
import signal
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tests.faults.births import BIRTH_SECONDS, Graves, Nursery

#: A door that dies by itself is not started again in a tight loop.
RESTART_SECONDS = 0.05


class Kept:
    """Doors by name (`worker-1`); `kill` them as often as you like."""

    def __init__(self, nursery: Nursery, folder: Path, env: Mapping[str, str]) -> None:
        self._nursery = nursery
        self._folder = folder
        self._env = dict(env)
        self._doors: dict[str, str] = {}
        self._extra: dict[str, Mapping[str, str]] = {}
        self._retired: set[str] = set()
        self._pids: dict[str, int] = {}
        self._stopping = threading.Event()
        #: (name, exit status) of every end, in order.
        self.ends: list[tuple[str, int]] = []
        self._graves: Graves = queue.Queue()
        self._keeper = threading.Thread(target=self._keep, name="keeper", daemon=True)
        self._keeper.start()

    def add(self, name: str, door: str, env: Mapping[str, str] | None = None) -> None:
        """Start a door, or any module with a `main(argv)`, and keep it; `env` goes over what all are given."""
        self._doors[name] = door
        self._extra[name] = env or {}
        self._retired.discard(name)
        self._start(name)

    def send(self, name: str, number: signal.Signals) -> None:
        """A signal to its main process."""
        with suppress(ProcessLookupError):
            os.kill(self.pid(name), number)

    def send_all(self, name: str, number: signal.Signals) -> None:
        """A signal to its whole process group."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid(name), number)

    def retire(self, name: str) -> None:
        """Let it end by itself when it wants to, or once it is told to: it is not started again."""
        self._retired.add(name)

    def is_gone(self, name: str) -> bool:
        """Whether one that was retired has ended."""
        return name not in self._doors

    def pid(self, name: str) -> int:
        """Its main process."""
        return self._pids[name]

    def names(self, door: str) -> list[str]:
        """All that run `door`."""
        return [n for n, kind in list(self._doors.items()) if kind == door and n not in self._retired]

    def children(self, name: str) -> list[int]:
        """The processes that its main process has forked."""
        pid = self.pid(name)
        try:
            return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        except FileNotFoundError:
            return []

    def kill(self, name: str) -> None:
        """SIGKILL the whole process group."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid(name), signal.SIGKILL)

    def log(self, name: str) -> str:
        """What it said over all its lives."""
        return (self._folder / f"{name}.log").read_text(errors="replace")

    def close(self) -> None:
        """Kill everything, and start nothing again."""
        self._stopping.set()
        self._keeper.join(BIRTH_SECONDS)
        for pid in list(self._pids.values()):
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)

    def _start(self, name: str) -> None:
        env = {**self._env, **self._extra[name]}
        pid = self._nursery.bear(self._doors[name], env, self._folder / f"{name}.log", self._graves)
        self._pids[name] = pid
        self._nursery.guard.watch(pid, signal.SIGKILL)

    def _keep(self) -> None:
        while not self._stopping.is_set():
            try:
                pid, status = self._graves.get(timeout=0.2)
            except queue.Empty:
                continue
            name = next((name for name, known in list(self._pids.items()) if known == pid), None)
            if name is None:
                continue
            self.ends.append((name, status))
            self._nursery.guard.forget(pid)
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            if name in self._retired:
                del self._doors[name], self._pids[name]
                self._retired.discard(name)
                continue
            if not self._stopping.wait(RESTART_SECONDS):
                self._start(name)
