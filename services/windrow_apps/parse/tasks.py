"""The task of the parse app: a plain Celery task."""

from dataclasses import asdict
from typing import Annotated, Any

import psycopg
from celery import Task, shared_task
from celery.utils.time import get_exponential_backoff_interval
from pydantic import Field

from windrow_apps.parse.ending import ToldTask
from windrow_apps.parse.errors import SourceUnavailable
from windrow_apps.parse.page_range import MAX_ID, page_range
from windrow_apps.parse.run import parse_range
from windrow_apps.parse.settings import settings

RETRY_CAP_SECONDS = 60
MAX_RETRIES = 10  # with the cap: about four minutes without source or database

#: Read by the catalog: what they refuse is not even accepted.
PageId = Annotated[int, Field(ge=1, le=MAX_ID)]
Retries = Annotated[int, Field(ge=0, le=MAX_RETRIES)]


@shared_task(
    bind=True,
    base=ToldTask,
    name="parse.pages",
    max_retries=MAX_RETRIES,
)
def pages(
    self: "Task[..., Any]",
    start_id: PageId,
    end_id: PageId,
    retries: Retries = MAX_RETRIES,
    notify_email: str | None = None,
    notify_webhook: str | None = None,
) -> dict[str, int]:
    """Record the pages `start_id` to `end_id`, both included; the answer is their summary.

    A source or a database that is away is tried again, at most `retries` times. At the end a notice goes to
    `notify_email` and is posted to `notify_webhook`.
    """

    def report(current: int, total: int) -> None:
        meta = {"current": current, "total": total, "status": f"{current} of {total} pages"}
        self.update_state(state="PROGRESS", meta=meta)

    current_settings = settings()
    ids = page_range(start_id, end_id, current_settings.max_pages)
    try:
        return asdict(parse_range(self.request.id, ids, current_settings, report))
    except (SourceUnavailable, psycopg.OperationalError) as exc:
        done = self.request.retries or 0
        seconds = get_exponential_backoff_interval(1, done, RETRY_CAP_SECONDS, full_jitter=True)
        raise self.retry(exc=exc, countdown=seconds, max_retries=retries) from exc
