"""The Celery app of both sides: a plain one, with two tasks that do nothing.

Stock Celery takes its broker and result backend from Celery's own environment variables; Windrow adopts the
same module and brings its own.
"""

from __future__ import annotations

import time

from celery import Celery

QUEUE = "bench"

app = Celery("bench")
app.conf.update(
    task_default_queue=QUEUE,
    broker_connection_retry_on_startup=True,
    # What Celery's optimizing guide says for many short tasks; the default 4 was slower here.
    worker_prefetch_multiplier=64,
    # Nobody follows the events here, on either side.
    worker_send_task_events=False,
)


@app.task(name="bench.noop")
def noop(x: int = 0) -> int:
    """Nothing: what is measured is everything around it."""
    return x


@app.task(name="bench.stamp")
def stamp() -> float:
    """When it started, by the clock that all processes of a machine share."""
    return time.monotonic()
