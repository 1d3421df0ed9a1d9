"""Starts `windrow worker`, `windrow beat`, `windrow api` as a user would: real processes with an environment."""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from windrow.dev.child import Child
from windrow.dev.guard import Guard

#: What each door prints once it serves; any other way is given as `ready=`.
READY_LINE = {
    "worker": r"\bready\b",
    "beat": r"(?i)beat.*(starting|started|ready)",
    "api": r"Application startup complete|Uvicorn running",
    "exporter": r"exporter is ready",
}


class Door(Child):
    """A running door whose log lines are all kept."""

    def __init__(
        self, name: str, argv: list[str], env: Mapping[str, str], guard: Guard, cwd: Path | None
    ) -> None:
        self.lines: list[str] = []
        self._more = threading.Condition()
        super().__init__(name, argv, env, self._keep, guard=guard, cwd=cwd)

    def says(self, pattern: str) -> bool:
        """Has any line so far matched `pattern`?"""
        return any(re.search(pattern, line) for line in list(self.lines))

    def log(self) -> str:
        """All lines so far."""
        return "\n".join(self.lines)

    def expect(self, met: str | Callable[[], bool], timeout: float = 30.0) -> None:
        """Wait for a line that matches, or until `met()`; fail with the log when it ends or takes too long."""
        condition = met if callable(met) else lambda: self.says(met)
        if not self.wait_for(condition, timeout):
            self.reap(1)
            raise AssertionError(
                f"{self.name} (exit {self.returncode}) never met {met!r}; its log:\n{self.log()}"
            )

    def _keep(self, _: str, line: str) -> None:
        self.lines.append(line)


class Doors:
    """Starts doors and programs, and leaves none behind."""

    def __init__(self, guard: Guard, env: Mapping[str, str]) -> None:
        """`env`: what every process gets besides PATH, HOME and what Python needs."""
        self._guard = guard
        self._env = {"PYTHONUNBUFFERED": "1", **_inherited(), **env}
        self._running: list[Door] = []

    def start(
        self,
        door: str,
        *args: str,
        env: Mapping[str, str] | None = None,
        ready: str | Callable[[], bool] | None = None,
        timeout: float = 30.0,
    ) -> Door:
        """`windrow <door> <args>`; returns when it is ready (`ready=""`: at once)."""
        pattern = READY_LINE.get(door, "") if ready is None else ready
        return self.run(
            door, [sys.executable, "-m", "windrow.cli", door, *args], env=env, ready=pattern, timeout=timeout
        )

    def run(
        self,
        name: str,
        argv: list[str],
        *,
        env: Mapping[str, str] | None = None,
        ready: str | Callable[[], bool] = "",
        timeout: float = 30.0,
        cwd: Path | None = None,
    ) -> Door:
        """Any program, in a process group of its own."""
        door = Door(name, argv, {**self._env, **(env or {})}, self._guard, cwd)
        self._running.append(door)
        if ready:
            door.expect(ready, timeout)
        return door

    def started(self) -> list[Door]:
        """All so far, those that ended among them."""
        return list(self._running)

    def close(self) -> None:
        """Kill every process group that was started here."""
        for door in self._running:
            door.kill()


def _inherited() -> dict[str, str]:
    """This process's environment without anything that would configure Windrow or Celery behind a test's back."""
    return {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("WINDROW_", "CELERY_", "FLOWER_"))
    }
