"""The tasks of the summaries app: plain Celery tasks."""

from typing import Any

import psycopg
from celery import Task, shared_task

from windrow_apps.shared.database import database_settings
from windrow_apps.shared.outbound import OutboundUnavailable, outbound_settings
from windrow_apps.summaries.feed import import_entries
from windrow_apps.summaries.run import Attempt, Later
from windrow_apps.summaries.settings import settings

RETRY_CAP_SECONDS = 60
#: A summary counts its failures and its age itself; this ends one that runs in circles.
MAX_RETRIES = 2000
MAX_IMPORT_RETRIES = 5


@shared_task(
    bind=True,
    name="summaries.summarize",
    autoretry_for=(psycopg.OperationalError,),
    retry_backoff=True,
    retry_backoff_max=RETRY_CAP_SECONDS,
    retry_jitter=True,
    max_retries=MAX_RETRIES,
)
def summarize(self: "Task[..., Any]", article_id: int) -> dict[str, Any]:
    """Write the summary that this job's id names; the answer is the summary and who wrote it."""
    done = Attempt(self.request.id, article_id, settings(), database_settings()).run()
    if isinstance(done, Later):
        # The job waits in the ledger: no worker sleeps through it.
        raise self.retry(countdown=done.seconds)
    return done


@shared_task(
    bind=True,
    name="summaries.import_feed",
    autoretry_for=(psycopg.OperationalError, OutboundUnavailable),
    retry_backoff=True,
    retry_backoff_max=RETRY_CAP_SECONDS,
    retry_jitter=True,
    max_retries=MAX_IMPORT_RETRIES,
)
def import_feed(self: "Task[..., Any]", feed_url: str) -> dict[str, Any]:
    """Keep the articles of an RSS or Atom feed that are not here yet; the answer is how many and their ids."""
    return import_entries(feed_url, settings(), outbound_settings(), database_settings())
