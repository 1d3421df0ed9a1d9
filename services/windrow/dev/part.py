"""A part of `windrow up`: a program to keep running, and one that is being kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from signal import SIGQUIT, SIGTERM

from windrow.dev.backoff import Backoff
from windrow.dev.child import Child, Sink
from windrow.dev.guard import Guard
from windrow.dev.ready import Ready


@dataclass(frozen=True, slots=True)
class Part:
    """A program that `windrow up` runs."""

    name: str
    argv: tuple[str, ...]
    #: Its whole environment; secrets travel here and never in `argv`.
    env: Mapping[str, str]
    #: Makes a fresh readiness check for each start.
    ready: Callable[[], Ready]
    #: At the end higher ones are stopped first, equal ones together.
    stop_order: int = 0
    #: Seconds after SIGTERM in which it may finish what it does.
    drain_seconds: float = 5.0
    #: Does it give its work back when asked with SIGQUIT at the end of the drain?
    gives_back: bool = False


class KeptPart:
    """A part over all its starts. `check` is to be called several times a second."""

    def __init__(self, part: Part, guard: Guard, sink: Sink) -> None:
        self.part = part
        self.ready = False
        self.child: Child | None = None
        self._guard = guard
        self._sink = sink
        self._backoff = Backoff()
        self._started_at = 0.0
        self._start_at: float | None = None
        self._asked_to_give_back = False

    @property
    def pid(self) -> int:
        """Its process id, 0 between two runs."""
        return self.child.pid if self.child is not None and self.child.returncode is None else 0

    def start(self) -> None:
        """Start it now. Raises OSError when there is no such program."""
        self._start_at = None
        self.ready = False
        self._check = check = self.part.ready()

        def hear(name: str, line: str) -> None:
            check.heard(line)
            self._sink(name, line)

        self._started_at = time.monotonic()
        self.child = Child(self.part.name, self.part.argv, self.part.env, hear, guard=self._guard)

    def check(self) -> str | None:
        """Look once. Returns what is worth telling: it became ready, or it died and starts again when."""
        if self._start_at is not None:
            if time.monotonic() >= self._start_at:
                self.start()
            return None
        if self.child is None:
            return None
        if self.child.returncode is not None:
            return self._died(self.child)
        if not self.ready and self._check.met():
            self.ready = True
            return f"{self.part.name} is ready after {time.monotonic() - self._started_at:.1f} s"
        return None

    def obituary(self) -> str:
        """How it ended, and its last lines."""
        if self.child is None:
            return f"{self.part.name} was never started"
        self.child.reap()
        code = self.child.returncode or 0
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit status {code}"
        last = "".join(f"\n    {line}" for line in self.child.tail)
        return f"{self.part.name} {how}" + (f"; its last lines:{last}" if last else " without a word")

    def ask_to_stop(self) -> None:
        """SIGTERM to its first process, and no more starts."""
        self._start_at = None
        if self.child is not None and self.child.returncode is None:
            self.child.send(SIGTERM)

    def ask_to_give_back(self) -> bool:
        """SIGQUIT, the first time that this is called for a part that knows it; True when it was sent."""
        if not self.part.gives_back or self._asked_to_give_back or self.child is None:
            return False
        self._asked_to_give_back = True
        self.child.send(SIGQUIT)
        return True

    def kill(self) -> None:
        """SIGKILL whatever is left of it."""
        if self.child is not None:
            self.child.kill()

    def _died(self, child: Child) -> str:
        child.kill()  # children that it left behind
        text = self.obituary()
        delay = self._backoff.after(time.monotonic() - self._started_at)
        self._start_at = time.monotonic() + delay
        self.ready = False
        return f"{text}\n{self.part.name} starts again in {delay:.1f} s"
