"""The Celery app that a worker or beat runs: a team's own, adopted, or ours with the built-in apps' tasks."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from celery import Celery
from celery.app.utils import find_app as find_celery_app

from windrow.apps import DEFAULT_APPS, DEFAULT_QUEUE, app_queues, find_apps, task_routes
from windrow.broker.connect import celery_broker, celery_tls
from windrow.worker.adopt import adopt


def load(
    celery_app: str = "",
    apps: str = DEFAULT_APPS,
    queues: str = "",
    *,
    database_url: str | None = None,
    redis_url: str | None = None,
) -> Celery:
    """Import and adopt `celery_app` (`pkg.mod:app`), or make an app with the tasks of `apps` (comma separated).

    `queues` is WINDROW_APP_QUEUES.
    Raises ImportError, AttributeError or LookupError when there is no such app.
    """
    if celery_app:
        app: Celery = find_celery_app(celery_app)
        adopt(app, database_url=database_url, redis_url=redis_url)
    else:
        app = _own(apps, queues, {"database_url": database_url, "redis_url": redis_url})
    if redis_url:
        url, options = celery_broker(redis_url)
        app.conf.broker_url = app.conf.broker_read_url = app.conf.broker_write_url = url
        app.conf.broker_transport_options = {**(app.conf.broker_transport_options or {}), **options}
        if (tls := celery_tls(redis_url)) is not None:
            app.conf.broker_use_ssl = tls
    app.set_current()
    app.set_default()
    app.loader.import_default_modules()
    app.finalize()
    return app


def _own(apps: str, queues: str, addresses: dict[str, Any]) -> Celery:
    specs = find_apps(apps)
    app = Celery("windrow", set_as_current=True)
    app.conf.task_default_queue = DEFAULT_QUEUE
    app.conf.task_routes = task_routes(specs, app_queues(queues))
    # Ours: 9 goes first, on every broker.
    adopt(app, zero_first=False, **addresses)
    for spec in specs:
        import_module(spec.tasks)
    return app
