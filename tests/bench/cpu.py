"""Processor time, which others on a busy machine disturb less than they disturb the clock."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import psutil


def cpu_seconds(roots: Sequence[int]) -> float:
    """User and system time so far of these processes and of all that live below them."""
    total = 0.0
    for root in roots:
        with suppress(psutil.NoSuchProcess):
            first = psutil.Process(root)
            for process in (first, *first.children(recursive=True)):
                with suppress(psutil.NoSuchProcess):
                    times = process.cpu_times()
                    total += times.user + times.system
    return total
