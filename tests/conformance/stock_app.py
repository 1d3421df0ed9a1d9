"""Somebody else's Celery app on the same Redis, never adopted."""

from __future__ import annotations

import os

from celery import Celery

app = Celery("neighbour", broker=os.environ.get("SHOP_BROKER_URL"), backend=os.environ.get("SHOP_RESULT_URL"))
app.conf.task_default_queue = "neighbour"
app.conf.broker_connection_retry_on_startup = True


@app.task(name="neighbour.add")
def add(x: int, y: int) -> int:
    return x + y
