"""`windrow worker`: a stock Celery worker with our boot step."""

from __future__ import annotations

import argparse
import logging
from typing import Any

from celery.exceptions import ImproperlyConfigured
from celery.utils.nodenames import host_format

from windrow.broker.keys import SEP
from windrow.broker.transport import register as register_transports
from windrow.core.input import RESERVED_QUEUES
from windrow.telemetry import logs
from windrow.telemetry.celery_logs import take_over
from windrow.worker import app
from windrow.worker.check import check
from windrow.worker.log_context import log_context
from windrow.worker.settings import WorkerSettings
from windrow.worker.steps import hold_step

#: Seconds that a drain must be longer than any task may run.
DRAIN_MARGIN_SECONDS = 30
POOLS = ("prefork", "threads", "solo")


def main(argv: list[str]) -> int:
    """Run a worker until it is told to stop; returns its exit code."""
    options = _parser().parse_args(argv)
    ours = ("pool_type", "loglevel", "task_events")
    chosen = {k: v for k, v in vars(options).items() if v is not None and k not in ours}
    settings = WorkerSettings(**chosen)
    logs.configure(
        "worker",
        settings.log_format,
        level=options.loglevel.upper(),
        context=log_context,
        secrets=(settings.database_url, settings.redis_url, settings.amqp_url),
    )
    take_over(options.loglevel.upper())
    worker = build(settings, options.pool_type, options.loglevel, options.task_events)
    return int(worker.start() or 0)


def build(
    settings: WorkerSettings,
    pool_type: str = "prefork",
    loglevel: str = "INFO",
    task_events: bool | None = None,
) -> Any:
    """A Celery WorkController for `settings`; nothing runs yet. `task_events`: None leaves it to the Celery app."""
    register_transports()
    celery = app.load(
        settings.celery_app,
        settings.apps,
        settings.app_queues,
        database_url=settings.database_url,
        redis_url=settings.redis_url,
    )
    check(celery, pool_type)
    refuse_separators(settings.queue_names)
    refuse_long_tasks(celery, settings)
    celery.steps["worker"].add(hold_step(settings))
    worker = celery.Worker(
        queues=settings.queue_names,
        concurrency=settings.concurrency,
        pool_cls=pool_type,
        loglevel=logging.getLevelName(loglevel.upper()),
        task_events=task_events,
        without_gossip=True,
        without_mingle=True,
        optimization="fair",
        prefetch_multiplier=0,
        hostname=host_format(f"{settings.pool}@%h"),
        # Its banner is for people.
        quiet=settings.log_format == "json",
    )
    return _Run(worker)


def refuse_separators(queues: list[str]) -> None:
    """A queue's priority lists are `name:step`. Raises ImproperlyConfigured."""
    for name in queues:
        if name in RESERVED_QUEUES:
            raise ImproperlyConfigured(f"Celery itself keeps messages under {name!r}: take another name.")
        if SEP in name:
            raise ImproperlyConfigured(
                f"Queue {name!r} has a {SEP!r} in its name, which parts a queue from its steps."
            )


def refuse_long_tasks(celery: Any, settings: WorkerSettings) -> None:
    """The drain contract: hard limit + 30 s <= drain. Raises ImproperlyConfigured with both numbers."""
    limits = {name: task.time_limit for name, task in celery.tasks.items() if task.time_limit}
    limits["any task without a limit of its own"] = settings.hard_limit_seconds
    for name, limit in limits.items():
        if limit + DRAIN_MARGIN_SECONDS > settings.drain_seconds:
            raise ImproperlyConfigured(
                f"{name} may run {limit:g} s, but this pool drains for {settings.drain_seconds:g} s: "
                f"a limit + {DRAIN_MARGIN_SECONDS} s must fit. Lower the limit, or raise WINDROW_DRAIN_SECONDS "
                f"to {limit + DRAIN_MARGIN_SECONDS:g} and the pod's grace with it."
            )


class _Run:
    """Starts the worker and answers with its exit code."""

    def __init__(self, worker: Any) -> None:
        self._worker = worker

    def start(self) -> int:
        self._worker.start()
        return int(self._worker.exitcode or 0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="windrow worker", description=__doc__)
    parser.add_argument("-Q", "--queues", help="queues to serve, comma separated (WINDROW_QUEUES)")
    parser.add_argument("-c", "--concurrency", type=int, help="jobs at a time (WINDROW_CONCURRENCY)")
    parser.add_argument("-A", "--app", dest="celery_app", help="Celery app to adopt, pkg.mod:app")
    parser.add_argument("--pool", dest="pool", help="name of the pool (WINDROW_POOL)")
    parser.add_argument("-P", "--pool-type", choices=POOLS, default="prefork", help="Celery's kind of pool")
    parser.add_argument("-l", "--loglevel", default="INFO")
    parser.add_argument(
        *("-E", "--task-events"),
        action="store_const",
        const=True,
        help="send Celery's events of tasks, for Flower and celery-exporter; else as the app's settings say",
    )
    return parser
