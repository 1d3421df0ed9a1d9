"""A small Celery app on our transport, without a ledger: its jobs come as full Celery messages.

Started as `celery -A tests.support.broker_app worker`. Environment: REDIS_URL, INTAKE (worker id, empty: stock
transport), QUEUES, CONCURRENCY, OUT (a file that the tasks append to).
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from celery import Celery
from celery.worker import state

from windrow.broker.intake import Budget, Intake
from windrow.broker.transport import register

URL = os.environ["REDIS_URL"]
QUEUES = os.environ["QUEUES"].split(",")
CONCURRENCY = int(os.environ.get("CONCURRENCY", "2"))

app = Celery("broker_app", broker=URL)
app.conf.update(
    task_ignore_result=True,
    task_acks_late=True,
    task_default_queue=QUEUES[0],
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_channel_error_retry=True,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    worker_prefetch_multiplier=1,
)


def budget() -> Budget:
    """A message per free child."""
    return Budget(CONCURRENCY - len(state.reserved_requests))


if os.environ.get("INTAKE"):
    register()
    intake = Intake(os.environ["INTAKE"], "pool", set(QUEUES), budget)
    app.conf.broker_transport_options = {"windrow_intake": intake}


@app.task(name="note")
def note(word: str, seconds: float = 0.0) -> None:
    """Say `word` in the file OUT: the tests kill what is connected to Redis."""
    time.sleep(seconds)
    with Path(os.environ["OUT"]).open("a") as out:
        out.write(f"{word}\n")
