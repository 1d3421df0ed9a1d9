"""What a beat_schedule entry's options say of its jobs, as `apply_async` would understand them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from celery import Celery
from celery.beat import ScheduleEntry
from kombu.utils.functional import maybe_list
from kombu.utils.json import dumps

_LINKS = {"link": "callbacks", "link_error": "errbacks"}


def job_fields(app: Celery, entry: ScheduleEntry) -> dict[str, Any]:
    """Fields of NewJob, JSON-ready as `core.job_json` has them; raises ValueError for what cannot be kept."""
    task = app.tasks.get(entry.task)
    options: dict[str, Any] = {**(task._get_exec_options() if task is not None else {}), **entry.options}
    if options.get("task_id"):
        raise ValueError("with a fixed task_id only its first tick would be a job")
    if options.get("serializer") not in (None, "json"):
        raise ValueError(
            f"Windrow keeps JSON only: the {options['serializer']!r} serializer is not supported"
        )
    fields: dict[str, Any] = {
        "queue": _queue(app, options, entry),
        "priority": _priority(app, options.get("priority")),
    }
    if options.get("countdown") is not None:
        fields["delay"] = float(options["countdown"])
    elif isinstance(options.get("eta"), datetime):
        fields["run_at"] = _aware(app, options["eta"])
    expires = options.get("expires")
    if isinstance(expires, datetime):
        fields["expires_at"] = _aware(app, expires)
    elif expires is not None:
        fields["expires_in"] = float(expires)
    for ours, celerys in (("hard_limit", "time_limit"), ("soft_limit", "soft_time_limit")):
        if options.get(celerys) is not None:
            fields[ours] = float(options[celerys])
    fields["options"] = dumps(_kept(options))
    return fields


def _kept(options: dict[str, Any]) -> dict[str, Any]:
    """What the child hands to Celery again."""
    kept: dict[str, Any] = {"headers": {**(options.get("headers") or {}), "celery_beat_task": True}}
    for name, ours in _LINKS.items():
        if options.get(name):
            kept[ours] = [dict(link) for link in maybe_list(options[name])]
    limits = [options.get("time_limit"), options.get("soft_time_limit")]
    if any(limits):
        kept["timelimit"] = limits
    for name in ("shadow", "ignore_result"):
        if options.get(name):
            kept[name] = options[name]
    return kept


def _queue(app: Celery, options: dict[str, Any], entry: ScheduleEntry) -> str:
    route = app.amqp.router.route(
        {name: options[name] for name in ("queue", "exchange", "routing_key") if options.get(name)},
        entry.task,
        entry.args or (),
        entry.kwargs or {},
    )
    queue = route.get("queue")
    if queue is not None:
        return str(getattr(queue, "name", queue))
    return str(route.get("routing_key") or app.conf.task_default_queue)


def _priority(app: Celery, priority: int | None) -> int:
    """Ours: 9 first, as in the apps that come with us. On Redis a Celery project's 0 comes first."""
    given = min(max(app.conf.task_default_priority or 0 if priority is None else priority, 0), 9)
    on_redis = str(app.conf.broker_url or "").split(":")[0] in ("redis", "rediss", "sentinel")
    return 9 - given if on_redis and app.conf.get("windrow_zero_first", True) else given


def _aware(app: Celery, moment: datetime) -> str:
    return (moment if moment.tzinfo else moment.replace(tzinfo=app.timezone)).isoformat()
