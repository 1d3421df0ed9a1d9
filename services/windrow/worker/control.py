"""Celery's remote control in an adopted app: revokes and purges are written to the ledger first."""

from __future__ import annotations

from typing import Any

from celery import Celery
from celery.exceptions import ImproperlyConfigured
from celery.utils.log import get_logger
from kombu.exceptions import OperationalError
from kombu.utils.imports import symbol_by_name

from windrow.worker.here import Here

logger = get_logger(__name__)


def adopt_control(app: Celery) -> None:
    """Let `app.control` cancel in the ledger; the stock broadcast follows, for Flower and for whoever listens."""
    stock: Any = symbol_by_name(app.control_cls)

    class LedgerControl(stock):
        """Celery's Control over the ledger."""

        def revoke(
            self, task_id: Any, destination: Any = None, terminate: bool = False, **options: Any
        ) -> Any:
            """Cancel what has not started; with `terminate`, what runs as well."""
            cancel_jobs(app, [task_id] if isinstance(task_id, str) else list(task_id), terminate)
            try:
                return super().revoke(task_id, destination=destination, terminate=terminate, **options)
            except OperationalError as exc:
                logger.warning("The revoke is in the ledger, but was not broadcast: %s", exc)
                return None

        def revoke_by_stamped_headers(self, *_: Any, **__: Any) -> Any:
            """Not supported."""
            raise ImproperlyConfigured("Windrow does not support revoking by stamped headers: revoke by id.")

        def purge(self, connection: Any = None) -> int:
            """Cancel every queued job of the app's queues; returns how many."""
            total = 0
            while count := app.windrow.caller.purge(list(app.amqp.queues)):
                total += count
            return total

        discard_all = purge

    app.control_cls = LedgerControl
    app.__dict__.pop("control", None)


def cancel_jobs(app: Celery, job_ids: list[str], terminate: bool) -> None:
    """Write a revoke to the ledger."""
    if terminate:
        (Here.submitter or app.windrow.caller).cancel(job_ids)
    else:
        app.windrow.caller.revoke(job_ids)
