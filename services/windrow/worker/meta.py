"""A job of the ledger as the task meta that Celery's AsyncResult reads."""

from __future__ import annotations

import json
from typing import Any

from celery import states
from celery.backends.base import Backend
from celery.exceptions import TaskRevokedError

from windrow.core.states import State, celery_state
from windrow.worker.texts import loads, raised_from

#: Children of an attempt whose task does not want its end to be seen (ignore_result).
NOT_STORED = "null"


def pending() -> dict[str, Any]:
    """What is known of an id that is not in the ledger (yet)."""
    return {"status": states.PENDING, "result": None}


def meta_of(backend: Backend, job: dict[str, Any] | None) -> dict[str, Any]:
    """`job`, one of `store.metas`, as Celery's meta; exceptions re-created."""
    if job is None:
        return pending()
    state = State(job["state"])
    status = _status(state, job)
    meta: dict[str, Any] = {
        "status": status,
        "result": None,
        "traceback": None,
        "children": [],
        "date_done": None,
        "task_id": job["id"],
    }
    if status == states.PENDING:
        return {**pending(), "task_id": job["id"]}
    if job["parent_id"]:
        meta["parent_id"] = job["parent_id"]
    if status in states.READY_STATES:
        meta["date_done"] = job["finished_at"]
    if job["children"]:
        meta["children"] = loads(job["children"])
    error = json.loads(job["error"]) if job["error"] else None
    if status == states.SUCCESS:
        meta["result"] = loads(job["result"]) if job["result"] else None
    elif status in (states.FAILURE, states.RETRY) and error:
        meta["traceback"] = error.get("traceback")
        if not (status == states.RETRY and error["cls"] == "Retry"):
            meta["result"] = raised_from(backend, error)
    elif status == states.REVOKED:
        meta["result"] = TaskRevokedError(
            "expired" if state is State.EXPIRED else "terminated" if job["outcome"] else "revoked"
        )
    elif job["progress_meta"]:
        meta["result"] = loads(job["progress_meta"])
    if backend.app.conf.result_extended:
        meta.update(_extended(job, status))
    return meta


def _status(state: State, job: dict[str, Any]) -> str:
    """Celery's state; what a task did not want to be stored is not seen."""
    unseen = state is State.SUCCEEDED and (job["result"] is None or job["outcome"] == "ignored")
    if unseen or (state is State.FAILED and job["children"] == NOT_STORED):
        return str(states.PENDING)
    return celery_state(state, job["progress_state"])


def _extended(job: dict[str, Any], status: str) -> dict[str, Any]:
    args, kwargs = loads(job["input"]) if job["input"] else (None, None)
    ran = job["worker"] is not None or status not in states.READY_STATES
    return {
        "name": job["task"],
        "args": args,
        "kwargs": kwargs,
        "worker": job["worker"],
        "retries": job["retries"],
        "queue": job["queue"] if ran else None,
    }
