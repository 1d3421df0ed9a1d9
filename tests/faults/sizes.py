"""How much and how long: the short form of every fault, and the full one (`make faults-full`); one seed for both."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from contextlib import suppress

#: `make faults-full`: real time constants, real counts.
FULL = os.environ.get("WINDROW_FAULTS") == "full"
#: What the short form divides outages and bounds by.
SHRINK = 20
#: Seconds of a bound that a twentieth cannot shrink: the lease of the tests (2 s) and the gap of the rescue (2 s) are a
#: seventh and a half of the real ones, or a busy machine would lose workers that live.
FIXED_SECONDS = 4.0
#: Seconds to start a small Python process on a quiet machine; a slower one gets longer bounds.
QUIET_SECONDS = 0.08
MAX_FACTOR = 10.0
PROBE_SECONDS = 4.0
#: The short form runs beside another suite, which may start its busiest part a moment after the machine was measured.
MIN_FACTOR = 1.0 if FULL else 2.0


def count(short: int, full: int) -> int:
    """Kills, rounds or jobs of this run."""
    return full if FULL else short


def lasting(real_seconds: float, least: float = 0.0) -> float:
    """Seconds that an outage lasts in this run; with `least` it is not cut below that."""
    return real_seconds if FULL else max(real_seconds / SHRINK, least)


def bound(real_seconds: float, factor: float) -> float:
    """Seconds that a recovery may take in this run, on a machine that is slower by `factor`."""
    return (real_seconds if FULL else real_seconds / SHRINK + FIXED_SECONDS) * factor


def probe() -> float:
    """Seconds to start a small Python process now, by those of a quiet machine."""
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", "import json, socket"], check=True, timeout=60)
    return (time.monotonic() - began) / QUIET_SECONDS


def machine_factor() -> float:
    """How much slower than a quiet machine this one is just now: MIN_FACTOR or more. Takes a third of a second."""
    return _within(sorted(probe() for _ in range(3))[1])


class Tempo(threading.Thread):
    """Looks again and again while something is being broken: a bound is that of the slowest moment."""

    def __init__(self) -> None:
        super().__init__(name="tempo", daemon=True)
        self._ending = threading.Event()
        self._seen: list[float] = []

    def run(self) -> None:
        while not self._ending.wait(PROBE_SECONDS):
            with suppress(subprocess.TimeoutExpired):
                self._seen.append(probe())

    def stop(self) -> float:
        """The largest median of three in a row, within the limits of `machine_factor`."""
        self._ending.set()
        self.join(60)
        return _within(
            max((sorted(self._seen[n : n + 3])[1] for n in range(len(self._seen) - 2)), default=0.0)
        )


def _within(factor: float) -> float:
    return min(max(factor, MIN_FACTOR), MAX_FACTOR)


def new_seed() -> int:
    """For a run that was given none."""
    return random.SystemRandom().randrange(10**6)
