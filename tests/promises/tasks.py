"""Tasks that work, and tasks that do harm."""

from __future__ import annotations

import ctypes
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

from celery import Task, shared_task

import windrow


@shared_task(name="echo")
def echo(value: Any) -> Any:
    """Its input is its result."""
    return value


@shared_task(name="nap")
def nap(seconds: float, value: Any = None) -> Any:
    """Sleep, then answer."""
    time.sleep(seconds)
    return value


@shared_task(name="mark")
def mark(file: str, seconds: float = 0.0) -> None:
    """Append a line to `file`, then sleep: the file counts the starts."""
    with Path(file).open("a") as out:
        out.write(f"{os.getpid()}\n")
    time.sleep(seconds)


@shared_task(name="wary")
def wary(seconds: float, value: Any = None) -> Any:
    """As nap, but asks now and then whether it shall stop."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        windrow.checkpoint()
        time.sleep(0.005)
    return value


@shared_task(name="reporting", bind=True)
def reporting(self: Task[..., Any], seconds: float) -> None:
    """As nap, but reports its progress."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        self.update_state(state="PROGRESS", meta={"left": deadline - time.monotonic()})
        time.sleep(0.01)


@shared_task(name="parent")
def parent(count: int) -> list[str]:
    """Submit `count` echo jobs from the body."""
    return [echo.delay(n).id for n in range(count)]


@shared_task(name="limited", time_limit=1.0)
def limited(seconds: float) -> None:
    """Runs into its hard limit."""
    time.sleep(seconds)


@shared_task(name="soft_limited", soft_time_limit=0.5, time_limit=20)
def soft_limited(seconds: float) -> None:
    """Runs into its soft limit."""
    time.sleep(seconds)


@shared_task(name="poison.tree")
def kill_tree(seconds: float) -> None:
    """After `seconds`, SIGKILL for every process of this worker, itself among them."""
    time.sleep(seconds)
    # A door leads a process group of its own, and its children are in it.
    os.killpg(os.getpgid(0), signal.SIGKILL)


@shared_task(name="poison.child")
def kill_child() -> None:
    """SIGKILL for the child that runs this."""
    os.kill(os.getpid(), signal.SIGKILL)


@shared_task(name="poison.crash")
def crash() -> None:
    """As a broken C extension: SIGSEGV."""
    ctypes.string_at(0)


@shared_task(name="poison.exit")
def hard_exit() -> None:
    """The child is gone without a word."""
    os._exit(3)


@shared_task(name="poison.sys_exit")
def sys_exit() -> None:
    """What libraries do that think they are programs."""
    raise SystemExit(3)


@shared_task(name="poison.interrupt")
def interrupt() -> None:
    """No Exception either."""
    raise KeyboardInterrupt


@shared_task(name="poison.memory")
def memory() -> None:
    """Python could not get memory."""
    raise MemoryError("no room")


@shared_task(name="poison.recursion")
def recursion() -> int:
    """Too deep."""
    return int(recursion())


@shared_task(name="poison.result")
def strange_result() -> Any:
    """A result that is no JSON."""
    return {"lock": object()}


@shared_task(name="poison.deep_result")
def deep_result() -> Any:
    """A result that is JSON, and too deep to be written."""
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    return deep


@shared_task(name="poison.surrogate")
def surrogate() -> str:
    """A result that Postgres could not keep as it is."""
    return "half a pair \ud800 and a NUL \x00"


class Locked(Exception):
    """An error that cannot be pickled, written as JSON or put into words."""

    def __init__(self, a: object, b: object) -> None:
        super().__init__(a, b)
        self.open = (lambda: None,)

    def __str__(self) -> str:
        raise RuntimeError("no words")

    def __repr__(self) -> str:
        return "Locked()"

    def __reduce__(self) -> Any:
        raise TypeError("not to be pickled")


@shared_task(name="poison.exception")
def strange_exception() -> None:
    """An error that cannot be kept."""
    raise Locked(object(), object())


@shared_task(name="huge")
def huge(megabytes: int) -> str:
    """A result that is large."""
    return "x" * (megabytes * 1024 * 1024)


@shared_task(name="flaky")
def flaky(chance: float) -> str:
    """Fails now and then."""
    if random.random() < chance:
        raise ValueError("not this time")
    return "fine"
