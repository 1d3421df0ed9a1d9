"""A plain Celery app on Redis with the settings that its documentation calls reliable; no Windrow anywhere."""

from __future__ import annotations

import os
import time
from typing import Any

from celery import Celery

#: Seconds after which Redis' messages that nobody acknowledged are given out again.
VISIBILITY_SECONDS = 4

app: Any = Celery("control", broker=os.environ.get("CONTROL_REDIS_URL", "redis://127.0.0.1:1/0"))
app.conf.update(
    task_default_queue="control",
    task_acks_late=True,
    task_acks_on_failure_or_timeout=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_channel_error_retry=True,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    broker_transport_options={
        "visibility_timeout": VISIBILITY_SECONDS,
        "unacked_restore_interval": 1,
        "unacked_restore_throttle": 1,
    },
)


@app.task(name="control.add")
def add(number: int, seconds: float) -> None:
    """Take its time, then note that it was done: what is not in the file was lost."""
    time.sleep(seconds)
    handle = os.open(os.environ["CONTROL_RUNS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(handle, f"{number}\n".encode())
    finally:
        os.close(handle)
