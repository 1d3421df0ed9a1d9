"""Cancel a job, and tell whoever has to know: the route of /v1 and the routes of apps alike."""

from __future__ import annotations

from windrow.api.services import Services
from windrow.broker.message import Message
from windrow.store import control


async def cancel_job(services: Services, job_id: str, running: bool = True) -> control.Change | None:
    """What the cancel did; None for an unknown id. Without `running` a job that has started is left alone.

    Raises LedgerUnavailable.
    """
    done = await services.ledger.run(control.cancel, [job_id], running)
    if not done.changes:
        return None
    change = done.changes[0]
    ended = [*done.ended, job_id] if change.after is not change.before else done.ended
    services.outbox.send(
        [Message(job.id, job.task, job.queue, job.priority) for job in done.queued], finished=ended
    )
    if change.worker is not None and change.asked:
        services.outbox.wake_worker(change.worker)
    return change
