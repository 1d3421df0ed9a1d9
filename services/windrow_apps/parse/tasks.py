"""The task of the parse app: a plain Celery task."""

from dataclasses import asdict
from typing import Any

import psycopg
from celery import Task, shared_task

from windrow_apps.parse.errors import SourceUnavailable
from windrow_apps.parse.page_range import page_range
from windrow_apps.parse.run import parse_range
from windrow_apps.parse.settings import settings

RETRY_CAP_SECONDS = 60
MAX_RETRIES = 10  # with the cap: about four minutes without source or database


@shared_task(
    bind=True,
    name="parse.pages",
    autoretry_for=(SourceUnavailable, psycopg.OperationalError),
    retry_backoff=True,
    retry_backoff_max=RETRY_CAP_SECONDS,
    retry_jitter=True,
    max_retries=MAX_RETRIES,
)
def pages(self: "Task[..., Any]", start_id: int, end_id: int) -> dict[str, int]:
    """Record the pages `start_id` to `end_id`, both included; the answer is their summary."""

    def report(current: int, total: int) -> None:
        meta = {"current": current, "total": total, "status": f"{current} of {total} pages"}
        self.update_state(state="PROGRESS", meta=meta)

    current_settings = settings()
    ids = page_range(start_id, end_id, current_settings.max_pages)
    return asdict(parse_range(self.request.id, ids, current_settings, report))
