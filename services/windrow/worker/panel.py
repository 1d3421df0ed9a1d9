"""The worker's side of revoke: what Flower or a script broadcasts is written to the ledger."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from celery.utils.log import get_logger
from celery.worker.control import Panel, nok, ok

from windrow.store.control import Cancelled, cancel
from windrow.store.revoke import cancel_waiting

logger = get_logger(__name__)

STAMPED = "Windrow does not support revoking by stamped headers: revoke by id."


def register_panel() -> None:
    """Replace the stock commands of this worker process."""
    commands: dict[str, Callable[..., Any]] = {
        "revoke": _revoke,
        "terminate": _terminate,
        "revoke_by_stamped_headers": _stamped,
    }
    Panel.data.update(commands)


def _revoke(state: Any, task_id: Any, terminate: bool = False, signal: Any = None, **_: Any) -> Any:
    """Cancel jobs that have not started; with `terminate`, those that run as well."""
    ids = {task_id} if isinstance(task_id, str) else set(task_id or ())
    hold = state.consumer.controller.windrow
    # Only this worker knows which of its claimed jobs have started.
    ready = {job_id for job_id in ids if (entry := hold.desk.entries.get(job_id)) and entry.request is None}
    if terminate:
        _write(hold, cancel, ids)
    else:
        _write(hold, cancel, ready)
        _write(hold, cancel_waiting, ids - ready)
    return ok(f"tasks {sorted(ids)} {'terminated' if terminate else 'flagged as revoked'}")


def _terminate(state: Any, signal: Any, task_id: Any, **_: Any) -> Any:
    """Cancel jobs, those that run as well."""
    return _revoke(state, task_id, terminate=True)


def _stamped(state: Any, *_: Any, **__: Any) -> Any:
    return nok(STAMPED)


def _write(hold: Any, op: Any, ids: set[str]) -> None:
    """In the ledger's own time: a command must not stop the event loop."""
    if ids:
        hold.ledger.call(op, sorted(ids)).add_done_callback(lambda future: _tell(hold, future))


def _tell(hold: Any, future: Any) -> None:
    if future.cancelled() or future.exception():
        logger.error("A revoke was not written to the ledger: %s", future.cancelled() or future.exception())
        return
    done: Cancelled = future.result()
    hold.outbox.send(
        jobs=done.queued,
        finished=[*(c.id for c in done.changes if c.after.is_final), *done.ended],
        renew=[c.worker for c in done.changes if c.worker and not c.after.is_final],
    )
