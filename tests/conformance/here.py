"""The project adopted in this very process, once for each module that wants it on a ledger of its own."""

from __future__ import annotations

from celery import Celery

from windrow.worker.adopt import adopt
from windrow.worker.caller_settings import read_settings


def adopt_here(app: Celery, database_url: str, redis_url: str) -> None:
    """Adopt `app`, or point it to other stores when an earlier module did."""
    adopt(app, database_url=database_url, redis_url=redis_url)
    caller = app.windrow.caller
    caller.close()
    caller._settings = read_settings({"database_url": database_url, "redis_url": redis_url})
    caller._publisher = None
