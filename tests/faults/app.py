"""A team's Celery app, adopted: bodies that note each of their runs in the file FAULTS_RUNS."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

from celery import Celery, chain

from tests.faults.passing import passing

app: Any = Celery("faults")
app.conf.update(
    task_default_queue="faults",
    worker_hijack_root_logger=False,
    beat_schedule={"tick": {"task": "faults.tick", "schedule": 0.5}},
)

#: Runs of `flaky` that end in a retry.
FLAKY_RETRIES = 2


def note(task: Any) -> None:
    """One line a run: the job, the task that it is by now, and how often it was retried."""
    # Appends this short are atomic.
    line = f"{task.request.id} {task.name} {task.request.retries}\n".encode()
    handle = os.open(os.environ["FAULTS_RUNS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(handle, line)
    finally:
        os.close(handle)


@app.task(name="faults.add", bind=True)
def add(self: Any, x: int, y: int = 0, seconds: float = 0.0) -> int:
    note(self)
    time.sleep(seconds / 2)
    passing("child.in-body")
    time.sleep(seconds / 2)
    return x + y


@app.task(name="faults.flaky", bind=True, max_retries=10)
def flaky(self: Any, x: int) -> int:
    note(self)
    if self.request.retries < FLAKY_RETRIES:
        raise self.retry(countdown=0.1)
    return x


@app.task(name="faults.flow", bind=True)
def flow(self: Any, x: int) -> Any:
    note(self)
    return self.replace(chain(add.s(x, 1), add.s(1)))


@app.task(name="faults.parent", bind=True)
def parent(self: Any, x: int) -> int:
    note(self)
    add.delay(x, 1)
    return x


@app.task(name="faults.broken", bind=True)
def broken(self: Any) -> None:
    note(self)
    raise ValueError("as ordered")


@app.task(name="faults.total", bind=True)
def total(self: Any, numbers: list[Any]) -> int:
    note(self)
    return sum(sum(n) if isinstance(n, list) else n for n in numbers)


@app.task(name="faults.poison", bind=True)
def poison(self: Any, seconds: float) -> None:
    """Kills its whole worker, at once or after its start was saved."""
    note(self)
    time.sleep(seconds)
    os.killpg(os.getpgrp(), signal.SIGKILL)


@app.task(name="faults.memory", bind=True)
def memory(self: Any) -> None:
    """Python could not get memory."""
    note(self)
    raise MemoryError("as ordered")


@app.task(name="faults.exit", bind=True)
def leave(self: Any) -> None:
    """What libraries do that think they are programs."""
    note(self)
    raise SystemExit(3)


@app.task(name="faults.strange", bind=True)
def strange(self: Any) -> Any:
    """A result that is no JSON."""
    note(self)
    return {"lock": object()}


@app.task(name="faults.hang", bind=True, time_limit=1.5)
def hang(self: Any) -> None:
    """Runs into its hard limit."""
    note(self)
    time.sleep(600)


@app.task(name="faults.tick")
def tick() -> None:
    pass
