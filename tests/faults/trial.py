"""One fault under a steady load: what a test of a fault is made of."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import pytest

from tests.faults.checker import LOST
from tests.faults.load import Answer
from tests.faults.progress import say
from tests.faults.report import Line, explain
from tests.faults.rows import Row, Rows
from tests.faults.sizes import Tempo, bound, count, machine_factor
from tests.faults.steady import Steady
from tests.faults.world import World

#: Requests a second.
RATE = 30.0
#: Jobs at least, here and in the full run.
JOBS = (100, 2_000)


class Fault(NamedTuple):
    """Which of docs/reliability.md's faults a test is."""

    number: int
    name: str
    #: Real seconds from the fault until everything accepted before it has ended.
    bound: float


def fault(number: int, name: str, bound: float) -> pytest.MarkDecorator:
    """Mark a test as that of a fault."""
    return pytest.mark.fault(number, name, bound)


class Trial:
    """`with trial.load():` break things, then `judge()`."""

    def __init__(self, world: World, rows: Rows, fault: Fault, seed: int) -> None:
        self.world = world
        self.fault = fault
        self.rng = random.Random(f"{seed} {fault.number}")
        self.answers: list[Answer] = []
        self.note = ""
        self._rows = rows
        self._seed = seed
        self._factor = machine_factor()

    @contextmanager
    def load(
        self,
        rate: float = RATE,
        jobs: tuple[int, int] = JOBS,
        canvases: bool = True,
        kinds: dict[str, int] | None = None,
    ) -> Iterator[None]:
        """Around the fault: a load that began a moment before it, and goes on until enough was submitted."""
        self.world.begin()
        self.ends = len(self.world.doors.ends)
        steady = Steady(
            self.world.load, self.rng, rate, count(*jobs), canvases and self.world.has_team, kinds or {}
        )
        self._tempo = Tempo()
        self._tempo.start()
        say(self.fault.name)
        steady.start()
        time.sleep(1.0)
        try:
            yield
        except BaseException:
            self._tempo.stop()
            raise
        finally:
            steady.stop()

    def each(self, short: int, full: int) -> Iterator[int]:
        """So many times; whoever watches the full run sees how far it is."""
        number = count(short, full)
        for n in range(number):
            say(f"{self.fault.name} {n} of {number}")
            yield n

    def pause(self, least: float, most: float) -> None:
        """A random moment."""
        time.sleep(self.rng.uniform(least, most))

    def deaths(self) -> int:
        """Doors that ended since the load began."""
        return len(self.world.doors.ends) - self.ends

    def judge(self, extra_runs: int | None = None, recovers: bool = True, may_lose: bool = False) -> Line:
        """Wait for the end of everything, write the row, and fail on what must not be.

        `extra_runs`: at most so many. `recovers=False`: there is no moment to count from. `may_lose`: the ledger itself
        went back in time.
        """
        self.world.load.settle()
        self.answers = list(self.world.load.answers)
        # Whether it ends at all and whether it ends in time are two questions.
        patience = max(bound(self.fault.bound, self._factor) * 2, 60.0)
        line = self.world.finish(self.fault.name, patience)
        self._factor = max(self._factor, machine_factor(), self._tempo.stop())
        limit = bound(self.fault.bound, self._factor)
        wrong = []
        findings = [text for text in line.findings if not (may_lose and text.startswith(LOST))]
        if findings:
            wrong.append(explain(findings))
        if line.final != line.jobs:
            wrong.append(f"{line.jobs - line.final} jobs have not ended")
        if recovers and line.recovery > limit:
            wrong.append(f"recovery took {line.recovery:.1f} s of {limit:.1f} s; {line.slowest}")
        if extra_runs is not None and line.extra_runs > extra_runs:
            wrong.append(f"{line.extra_runs} extra runs, and at most {extra_runs} are explained")
        self._rows.rows.append(
            Row(
                f"{self.fault.number:02} {self.fault.name}",
                accepted=line.accepted,
                final=line.final,
                lost=line.lost + line.stuck,
                doubled=line.doubled,
                extra_runs=line.extra_runs,
                worst_recovery_s=round(line.recovery, 1) if recovers else 0.0,
                bound_s=round(limit, 1),
                note=self.note,
                verdict="ok" if not wrong else "BAD",
                factor=round(self._factor, 1),
            )
        )
        self.row = self._rows.rows[-1]
        assert not wrong, f"fault {self.fault.number}, seed {self._seed}:\n" + "\n".join(wrong)
        return line

    def say(self, text: str) -> None:
        """Add to the row's note, before or after it was judged."""
        self.note = f"{self.note}, {text}" if self.note else text
        if hasattr(self, "row"):
            self.row.note = self.note

    def p99(self) -> float:
        """Seconds that 99 of 100 requests took at most."""
        seconds = sorted(answer.seconds for answer in self.answers)
        return seconds[min(len(seconds) - 1, int(len(seconds) * 0.99))] if seconds else 0.0

    @property
    def factor(self) -> float:
        """How much slower than a quiet machine this one is, or was at its slowest meanwhile."""
        self._factor = max(self._factor, machine_factor())
        return self._factor
