"""adopt(app): an existing Celery app becomes a Windrow app, without an edit in its tasks."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from celery import Celery
from celery.app.registry import TaskRegistry

from windrow.core.ids import new_id
from windrow.worker import errback
from windrow.worker.backend import LedgerBackend
from windrow.worker.caller import Caller
from windrow.worker.caller_settings import read_settings
from windrow.worker.capture import Capture
from windrow.worker.check import check
from windrow.worker.control import adopt_control
from windrow.worker.gate import Gate
from windrow.worker.here import Here

__all__ = ["Adopted", "adopt", "check"]

STRATEGY = "windrow.worker.strategy:default"
REQUEST = "windrow.worker.request:LedgerRequest"

#: Why: research on what loses jobs. Acked late, never put back by the broker; lost connections end nothing.
CONFIGURATION: dict[str, Any] = {
    "task_acks_late": True,
    "task_acks_on_failure": True,
    "task_acks_on_timeout": True,
    "task_reject_on_worker_lost": False,
    "task_publish_retry": False,
    "result_backend": "windrow.worker.backend:LedgerBackend",
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    "broker_channel_error_retry": True,
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    "worker_soft_shutdown_timeout": 0.0,
}


class Adopted:
    """What `adopt` leaves at `app.windrow`."""

    def __init__(self, app: Celery, caller: Caller, zero_first: bool) -> None:
        self.caller = caller
        self.capture = Capture(app, zero_first)
        self.gate = Gate(app, self.capture, caller, app.producer_or_acquire)
        #: Task names whose own Request class was replaced, with that class.
        self.requests: dict[str, Any] = {}


def adopt(
    app: Celery,
    *,
    database_url: str | None = None,
    redis_url: str | None = None,
    broker_url: str | None = None,
    zero_first: bool = True,
) -> Celery:
    """Keep every job of `app` in the ledger; returns `app`. Does no I/O, may come before or after its configuration.

    Addresses that are not given are read from WINDROW_DATABASE_URL and WINDROW_REDIS_URL at the first call;
    `broker_url` (amqp://…), WINDROW_BROKER_URL or RABBITMQ_* name a RabbitMQ for the messages.
    `zero_first`: Celery's priorities mean what they mean on Redis, where 0 goes first; else 9 does.
    """
    if hasattr(app, "windrow"):
        return app
    given = {"database_url": database_url, "redis_url": redis_url, "broker_url": broker_url}
    caller = Caller(lambda: read_settings(given))
    app.windrow = Adopted(app, caller, zero_first)
    app.backend_cls = LedgerBackend
    app._backend_cache = None
    vars(app._local).pop("backend", None)
    app.on_after_configure.connect(_configure, sender=app, weak=False)
    if app.configured:
        app.conf.update(CONFIGURATION)
    app._tasks = _Dressing(app)
    app.send_task = _sending(app, app.send_task)
    app.producer_or_acquire = app.default_producer = app.windrow.gate.batched
    adopt_control(app)
    if app.finalized:
        errback.register(app)
    else:
        app.on_after_finalize.connect(_finalized, sender=app, weak=False)
    return app


def _configure(sender: Celery, source: Any, **_: Any) -> None:
    source.update(CONFIGURATION)


def _finalized(sender: Celery, **_: Any) -> None:
    errback.register(sender)


class _Dressing(TaskRegistry):
    """The app's registry; every task that comes in, whatever its base, gets our strategy and request."""

    def __init__(self, app: Celery) -> None:
        super().__init__()
        self._app = app
        for name, task in app._tasks.items():
            self[name] = task

    def __setitem__(self, name: str, task: Any) -> None:
        super().__setitem__(name, task)
        own = self._app.windrow.requests
        if task.Request not in ("celery.worker.request:Request", REQUEST):
            own[name] = task.Request
        task.Strategy = STRATEGY
        task.Request = REQUEST
        task.acks_late = task.acks_on_failure = task.acks_on_timeout = True
        task.reject_on_worker_lost = False
        task.on_replace = _replacing(task.on_replace)


def _replacing(on_replace: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """What Task.replace sends belongs to the job's end: the job itself waits for it under its own id."""
    if getattr(on_replace, "_windrow", False):
        return on_replace

    @wraps(on_replace)
    def replacing(sig: Any) -> Any:
        run = Here.run()
        if run is None:
            return on_replace(sig)
        run.closing += 1
        run.is_replaced = True
        try:
            return on_replace(sig)
        finally:
            run.closing -= 1

    replacing._windrow = True  # type: ignore[attr-defined]
    return replacing


def _sending(app: Celery, send_task: Callable[..., Any]) -> Callable[..., Any]:
    """The one funnel of delay, apply_async and every canvas, with our gate as its producer."""
    adopted = app.windrow

    @wraps(send_task)
    def sending(
        name: str,
        args: Any = None,
        kwargs: Any = None,
        countdown: Any = None,
        eta: Any = None,
        task_id: str | None = None,
        **options: Any,
    ) -> Any:
        for ours in ("producer", "publisher", "connection", "retry", "retry_policy"):
            options.pop(ours, None)
        wish = adopted.capture.wish
        before = dict(wish.__dict__)
        expires = options.get("expires")
        wish.countdown = float(countdown) if countdown else None
        wish.expires = float(expires) if isinstance(expires, (int, float)) else None
        wish.argsrepr, wish.kwargsrepr = options.get("argsrepr"), options.get("kwargsrepr")
        if not app.conf.task_send_sent_event:
            # Celery would describe the arguments for a message that nobody reads.
            options = {"argsrepr": "", "kwargsrepr": "", **options}
        try:
            return send_task(
                name, args, kwargs, countdown, eta, task_id or new_id(), adopted.gate, retry=False, **options
            )
        finally:
            wish.__dict__.clear()
            wish.__dict__.update(before)

    return sending
