"""`windrow beat`: a stock `celery beat` with our scheduler."""

from __future__ import annotations

import logging
from typing import Any

from celery import Celery
from celery.app.utils import find_app

from windrow.apps import DEFAULT_QUEUE, app_queues, find_apps, schedules_of, task_routes
from windrow.beat.settings import BeatSettings
from windrow.telemetry import logs
from windrow.telemetry.celery_logs import take_over

SCHEDULER = "windrow.beat.scheduler:LedgerScheduler"


def main(argv: list[str]) -> int:
    """Run beat until it is told to stop; `argv` are further options of `celery beat`. Returns its exit code."""
    settings = BeatSettings()
    secrets = (settings.database_url, settings.redis_url, settings.amqp_url)
    logs.configure("beat", settings.log_format, secrets=secrets)
    take_over(logging.INFO)
    app = load_app(settings)
    # Its banner is for people.
    calm = ["--quiet"] if settings.log_format == "json" else []
    return int(app.start([*calm, "beat", "--scheduler", SCHEDULER, "--loglevel", "INFO", *argv]) or 0)


def load_app(settings: BeatSettings) -> Any:
    """The app whose beat_schedule counts: the one that is named, else one with the schedules of the apps.

    Raises LookupError when there is no such app.
    """
    if settings.celery_app:
        return find_app(settings.celery_app)
    specs = find_apps(settings.apps)
    app = Celery("windrow", broker=settings.redis_url, set_as_current=False)
    app.conf.task_default_queue = DEFAULT_QUEUE
    app.conf.task_routes = task_routes(specs, app_queues(settings.app_queues))
    app.conf.timezone = settings.timezone
    # Ours: 9 goes first, on every broker.
    app.conf.windrow_zero_first = False
    app.conf.beat_schedule = schedules_of(specs)
    return app
