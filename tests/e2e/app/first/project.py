"""A plain Celery project: it knows nothing of Windrow."""

import time

from celery import Celery

app = Celery("project")


@app.task
def add(x: int, y: int) -> int:
    return x + y


@app.task
def sleep(seconds: float) -> float:
    time.sleep(seconds)
    return seconds
