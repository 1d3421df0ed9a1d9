"""Tasks that go well, fail, want to be tried again, or take long."""

from __future__ import annotations

import time
from typing import Any

from celery import Task, shared_task


@shared_task(name="reports.render")
def render() -> str:
    """Goes well."""
    return "done"


@shared_task(name="mail.send")
def send() -> None:
    """Fails."""
    raise ConnectionError("no mail server")


@shared_task(name="feeds.fetch", bind=True)
def fetch(self: Task[..., Any], failures: int) -> str:
    """Goes well after so many retries."""
    if self.request.retries < failures:
        raise self.retry(exc=TimeoutError("the feed does not answer"), countdown=0.05, max_retries=failures)
    return "fetched"


@shared_task(name="images.resize")
def resize(seconds: float) -> None:
    """Takes so long."""
    time.sleep(seconds)
