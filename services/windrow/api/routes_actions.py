"""What may be done to a job: :cancel, :retry, :replay."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Response
from pydantic import BaseModel

from windrow.api import problems
from windrow.api.auth import needs
from windrow.api.callers import JOBS_WRITE, Caller
from windrow.api.cancelling import cancel_job
from windrow.api.documented import refusals
from windrow.api.guarding import idempotency_name
from windrow.api.outbox import RELAY
from windrow.api.reading import check_id, missing
from windrow.api.services import Services, services_of
from windrow.api.views import Receipt, answer
from windrow.core.ids import new_id, repeatable_id
from windrow.core.states import State
from windrow.store import control

router = APIRouter(prefix="/v1/jobs", tags=["jobs"], dependencies=[Depends(needs(JOBS_WRITE))])

Parts = Annotated[Services, Depends(services_of)]
_ONCE = "The same key again for the same job: the same copy again, as long as that is kept."
REFUSALS = refusals(problems.NOT_FOUND, problems.CONFLICT, problems.GONE, problems.INVALID)


class CancelReceipt(BaseModel):
    """A cancel was done, or asked of the worker that holds the job."""

    id: str
    state: State
    cancel_requested: bool


@router.post(
    "/{job_id}:cancel", status_code=problems.ACCEPTED, response_model=CancelReceipt, responses=REFUSALS
)
async def cancel(job_id: str, services: Parts) -> Response:
    """Cancel the job: at once when it waits, as soon as its worker has stopped it when it runs."""
    check_id(job_id)
    change = await cancel_job(services, job_id)
    if change is None:
        raise missing(services, job_id)
    if change.before.is_final:
        raise problems.wrong_state(change.before, "cancelled", job_id)
    receipt = CancelReceipt(id=job_id, state=change.after.shown, cancel_requested=not change.after.is_final)
    return answer(receipt, problems.ACCEPTED, _location(job_id))


@router.post("/{job_id}:retry", status_code=problems.ACCEPTED, response_model=Receipt, responses=REFUSALS)
async def retry(job_id: str, services: Parts) -> Response:
    """Run a job again that failed, was cancelled or expired; or now, if it waits for its next attempt."""
    check_id(job_id)
    # Left to the relay: only it knows the job's queue before the job is changed.
    change = await services.ledger.run(control.retry, job_id, False)
    if change is None:
        raise missing(services, job_id)
    if change.after is change.before:
        raise problems.wrong_state(change.before.shown, "retried", job_id)
    services.outbox.send(signals=[RELAY])
    receipt = Receipt(id=job_id, state=change.after, task=change.task, queue=change.queue)
    return answer(receipt, problems.ACCEPTED, _location(job_id))


@router.post("/{job_id}:replay", status_code=problems.ACCEPTED, response_model=Receipt, responses=REFUSALS)
async def replay(
    job_id: str,
    services: Parts,
    caller: Annotated[Caller, Depends(needs(JOBS_WRITE))],
    idempotency_key: Annotated[str | None, Header(description=_ONCE)] = None,
) -> Response:
    """Run a copy of a finished job: a new job that points at the old one."""
    check_id(job_id)
    copy = new_id()
    if idempotency_key is not None:
        copy = repeatable_id("replay", job_id, idempotency_name(caller.id, idempotency_key))
    done = await services.ledger.run(control.replay, job_id, copy, False)
    if done is None:
        raise missing(services, job_id)
    if isinstance(done, State):
        raise problems.wrong_state(done.shown, "replayed", job_id)
    services.outbox.send(signals=[RELAY])
    job = done.job
    receipt = Receipt(id=job.id, state=done.state, task=job.task, queue=job.queue)
    return answer(receipt, problems.ACCEPTED, _location(job.id))


def _location(job_id: str) -> dict[str, str]:
    return {"Location": f"/v1/jobs/{job_id}"}
