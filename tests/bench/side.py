"""What a side can do: the same words for stock Celery and for Windrow."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from tests.support.processes import Door

CONCURRENCY = 2


class BenchFailed(Exception):
    """A measurement that cannot be trusted is none: the message says why."""


class Side(Protocol):
    """A running API with its stores; workers come and go."""

    name: str
    api_port: int

    def worker(self, warm: bool = True) -> AbstractContextManager[Door]:
        """A prefork worker with `CONCURRENCY` children; if `warm` it has run jobs."""
        ...

    def processes(self) -> Sequence[int]:
        """Root process ids of all that serves it, workers apart."""
        ...

    def clean(self) -> None:
        """Forget all jobs. Not while a worker runs."""
        ...

    def fill(self, jobs: int) -> None:
        """Queue that many no-op jobs."""
        ...

    def finished(self) -> int:
        """Jobs with a stored result since the last `clean`."""
        ...

    def submits(self) -> Mapping[str, bytes]:
        """Requests that submit a no-op, by variant."""
        ...

    def stamps(self, delay: float = 0.0) -> Mapping[str, bytes]:
        """Requests for a job that returns its start, by variant; `delay` in seconds."""
        ...

    def results(self) -> Mapping[str, bytes]:
        """Requests that are answered with a no-op's result, by variant."""
        ...

    def stamped(self, job_ids: Sequence[str], timeout: float) -> list[float]:
        """What those jobs returned, once they all have."""
        ...


def wait_until(met: Callable[[], bool], what: str, timeout: float, every: float = 0.05) -> None:
    """Raises BenchFailed when it is not `met()` in time."""
    deadline = time.monotonic() + timeout
    while not met():
        if time.monotonic() > deadline:
            raise BenchFailed(f"{what} took more than {timeout:g} s")
        time.sleep(every)


def until_ready(door: Door, job: Callable[[], bool], timeout: float = 90.0) -> None:
    """Wait until `job()` says that a job went through; fail early, with the log, when the program ends."""

    def ready() -> bool:
        if door.returncode is not None:
            raise BenchFailed(f"{door.name} ended with {door.returncode}:\n{door.log()}")
        return job()

    wait_until(ready, f"the start of {door.name}", timeout)


def stopped(door: Door, timeout: float = 20.0) -> Iterator[Door]:
    """The body of a context manager: the door, ended in order afterwards."""
    try:
        yield door
    finally:
        door.stop(timeout)
