"""`windrow catalog sync`: declare the tasks of this image, and retire those that it no longer has."""

from __future__ import annotations

import argparse
import json
import sys

from windrow.core.errors import LedgerUnavailable
from windrow.store.catalog import declare
from windrow.store.ledger import Ledger
from windrow.worker import app
from windrow.worker.declare import declared_tasks
from windrow.worker.settings import WorkerSettings


def main(argv: list[str]) -> int:
    """0 once the catalog knows; 1 when the ledger does not answer."""
    parser = argparse.ArgumentParser(prog="windrow catalog", description=__doc__)
    parser.add_argument("action", choices=("sync", "show"), help="sync writes, show only prints")
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")
    options = parser.parse_args(argv)
    settings = WorkerSettings()
    celery = app.load(
        settings.celery_app,
        settings.apps,
        settings.app_queues,
        database_url=settings.database_url,
        redis_url=settings.redis_url,
    )
    tasks = declared_tasks(celery, settings.queue_names[0])
    if options.action == "sync":
        try:
            ledger = Ledger(settings.database_url, application_name="windrow-catalog")
            ledger.run(declare, tasks, settings.pool, settings.release, True)
        except LedgerUnavailable as exc:
            sys.stderr.write(f"windrow catalog: the ledger does not answer: {exc}\n")
            return 1
    if options.output == "json":
        shown = [{"task": task.name, "queue": task.queue, "summary": task.summary} for task in tasks]
        sys.stdout.write(json.dumps(shown) + "\n")
    else:
        for task in tasks:
            sys.stdout.write(f"{task.name}  queue={task.queue}  {task.summary or ''}\n")
    return 0
