"""What an adopted app may not ask of a worker, said at its start with the reason."""

from __future__ import annotations

from typing import Any

from celery import Celery
from celery.exceptions import ImproperlyConfigured

POOLS = ("prefork", "threads", "solo")


def check(app: Celery, pool_type: str) -> None:
    """Raise ImproperlyConfigured with everything that is wrong with `app` in a pool of `pool_type`."""
    wrong = list(_wrong(app, pool_type))
    if wrong:
        raise ImproperlyConfigured("This app cannot be run by Windrow:\n- " + "\n- ".join(wrong))


def _wrong(app: Celery, pool_type: str) -> Any:
    if pool_type not in POOLS:
        yield f"pool {pool_type!r}: a lease must be renewed beside the tasks, so the pools are {', '.join(POOLS)}."
    for name in ("task_serializer", "result_serializer"):
        if app.conf[name] != "json":
            yield f"{name} is {app.conf[name]!r}: the ledger keeps JSON, which can be read without running code."
    if app.conf.task_protocol != 2:
        yield f"task_protocol is {app.conf.task_protocol!r}: chains travel in protocol 2 only."
    for name, task in sorted(app.tasks.items()):
        if task.serializer not in (None, "json"):
            yield f"task {name} has serializer {task.serializer!r}: the ledger keeps JSON."
        if task.rate_limit:
            yield f"task {name} has rate_limit {task.rate_limit!r}: a worker's own limit would hold claimed jobs back."
        if name in app.windrow.requests:
            yield f"task {name} has a Request class of its own: Windrow's must say how its attempts end."
