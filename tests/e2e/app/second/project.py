"""The same project one release later: a task more."""

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


@app.task
def multiply(x: int, y: int) -> int:
    return x * y
