"""A Celery message, as Celery was about to publish it, as a job of the ledger."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from celery import Celery
from celery.exceptions import ImproperlyConfigured

from windrow.core.ids import is_valid_id
from windrow.core.job import NewJob
from windrow.core.traceparent import KEY, is_traceparent
from windrow.telemetry.traceparent import current_traceparent
from windrow.worker.here import Here
from windrow.worker.texts import dumps

#: Message headers that a job keeps in columns, or that the child makes anew.
_KNOWN = frozenset(
    [
        "lang",
        "task",
        "id",
        "shadow",
        "eta",
        "expires",
        "group",
        "group_index",
        "retries",
        "timelimit",
        "root_id",
        "parent_id",
        "argsrepr",
        "kwargsrepr",
        "origin",
        "ignore_result",
        "replaced_task_nesting",
        "stamped_headers",
        "stamps",
    ]
)
#: Headers that go into the options when they say something.
_KEPT = (
    "shadow",
    "eta",
    "expires",
    "group",
    "group_index",
    "ignore_result",
    "replaced_task_nesting",
    "stamped_headers",
    "stamps",
)
_EMBEDDED = ("callbacks", "errbacks", "chain")


@dataclass
class Wish(threading.local):
    """What the call under way in this thread asked for in its own words, before Celery made moments of it."""

    countdown: float | None = None
    expires: float | None = None
    argsrepr: str | None = None
    kwargsrepr: str | None = None


class Capture:
    """Makes jobs of one app's messages."""

    def __init__(self, app: Celery, zero_first: bool) -> None:
        """`zero_first`: Celery's priorities mean what they mean on Redis, 0 before 9."""
        self._app = app
        self._zero_first = zero_first
        self.wish = Wish()

    def job(
        self,
        body: tuple[Any, Any, dict[str, Any]],
        headers: dict[str, Any],
        exchange: str | None,
        routing_key: str | None,
        serializer: str | None,
        priority: int | None,
    ) -> NewJob:
        """The job that this message is about. Raises kombu's EncodeError when its arguments are not JSON."""
        if serializer not in (None, "json"):
            raise ImproperlyConfigured(
                f"Windrow keeps JSON only: the {serializer!r} serializer is not supported."
            )
        args, kwargs, embed = body
        job_id = headers["id"]
        if not is_valid_id(job_id):
            raise ValueError(f"{job_id!r} cannot be a job's id: 1 to 155 of A-Z a-z 0-9 . _ ~ : @ -")
        wish = self.wish
        limits = headers.get("timelimit") or (None, None)
        return NewJob(
            id=job_id,
            task=headers["task"],
            queue=self._queue(exchange, routing_key),
            input=dumps([args, kwargs]),
            priority=self.to_job(priority),
            delay=wish.countdown,
            run_at=None if wish.countdown is not None else _moment(headers.get("eta"), self._app),
            expires_in=wish.expires,
            expires_at=None if wish.expires is not None else _moment(headers.get("expires"), self._app),
            hard_limit=limits[0],
            soft_limit=limits[1],
            parent_id=headers.get("parent_id"),
            root_id=headers.get("root_id"),
            options=self._options(headers, embed),
            retries=headers.get("retries") or 0,
        )

    def to_job(self, priority: int | None) -> int:
        """Celery's priority as ours: 0-9, 9 first."""
        if self._zero_first:
            return 9 - min(max(priority or 0, 0), 9)
        return min(max(priority or 0, 0), 9)

    def to_celery(self, priority: int) -> int:
        """Our priority as Celery's."""
        return 9 - priority if self._zero_first else priority

    def _queue(self, exchange: str | None, routing_key: str | None) -> str:
        queues = self._app.amqp.queues
        if not exchange and routing_key:
            return routing_key
        for name, queue in queues.items():
            if queue.exchange.name == (exchange or "") and queue.routing_key == routing_key:
                if queue.exchange.type == "fanout":
                    raise ImproperlyConfigured(f"Queue {name!r} is a broadcast: a job runs once.")
                return str(name)
        return routing_key or exchange or str(self._app.conf.task_default_queue)

    def _options(self, headers: dict[str, Any], embed: dict[str, Any]) -> str | None:
        options = {name: embed[name] for name in _EMBEDDED if embed.get(name)}
        if embed.get("chord"):
            options["chord"] = stand_in(embed["chord"])
        options.update((name, headers[name]) for name in _KEPT if headers.get(name) not in (None, [], {}, 0))
        if headers.get("group_index") == 0 and headers.get("group"):
            options["group_index"] = 0
        task = self._app._tasks.get(headers["task"])
        ignored = headers.get("ignore_result")
        if ignored is False and (task is None or task.ignore_result):
            options["ignore_result"] = False
        elif ignored and task is not None and task.ignore_result:
            del options["ignore_result"]
        if any(headers.get("timelimit") or ()):
            options["timelimit"] = list(headers["timelimit"])
        for name in ("argsrepr", "kwargsrepr"):
            if getattr(self.wish, name) is not None:
                options[name] = getattr(self.wish, name)
        trace = _traceparent(headers)
        if trace is not None:
            options[KEY] = trace
        own = {name: value for name, value in headers.items() if name not in _KNOWN}
        if own:
            options["headers"] = own
        return dumps(options) if options else None


def _traceparent(headers: dict[str, Any]) -> str | None:
    """The trace that a job goes on with: its sender's span, its parent's trace, or what its message says.

    A run's own next message, a retry, stays what its caller asked for.
    """
    run = Here.run()
    if run is None:
        said = headers.get(KEY)
        return said if is_traceparent(said) else current_traceparent()
    own: str | None = run.options.get(KEY)
    return own if headers["id"] == run.job_id else current_traceparent() or own


def stand_in(chord: Any) -> dict[str, Any]:
    """A small signature in place of a chord's body, which the ledger holds: enough to pass on and to look at."""
    options = chord.get("options") or {}
    return {
        "task": chord.get("task"),
        "args": [],
        "kwargs": {},
        "options": {"task_id": options.get("task_id")},
        "subtask_type": None,
        "immutable": False,
    }


def _moment(value: Any, app: Celery) -> datetime | None:
    """An ISO moment of a message; one without a zone is UTC, or the app's own time with enable_utc off."""
    if not value:
        return None
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC if app.conf.enable_utc else app.timezone)
    return moment
