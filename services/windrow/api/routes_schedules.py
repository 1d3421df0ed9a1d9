"""/v1/schedules: make, see, change, pause, trigger and delete what fires by itself."""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import TypeAdapter

from windrow.api import problems
from windrow.api.auth import needs
from windrow.api.body import parse, read_body
from windrow.api.callers import JOBS_READ, SCHEDULES_WRITE
from windrow.api.direct import takes
from windrow.api.documented import refusals
from windrow.api.outbox import RELAY
from windrow.api.schedule_bodies import (
    ID_PATTERN,
    MAX_ID_CHARS,
    ScheduleBody,
    ScheduleCreate,
    ScheduleList,
    ScheduleView,
    Timing,
    schedule_view,
)
from windrow.api.services import Services, services_of
from windrow.api.views import Receipt, answer
from windrow.core.ids import new_id
from windrow.core.input import JobRequest
from windrow.store import schedule_crud as schedules
from windrow.store.schedules import ScheduleRow

router = APIRouter(prefix="/v1/schedules", tags=["schedules"])
Parts = Annotated[Services, Depends(services_of)]
READ, WRITE = [Depends(needs(JOBS_READ))], [Depends(needs(SCHEDULES_WRITE))]
MAX_PAGE = 500


def _possible(schedule_id: str) -> str:
    """An id that a schedule can have. Raises the 404 problem."""
    if len(schedule_id) > MAX_ID_CHARS or not re.fullmatch(ID_PATTERN, schedule_id):
        raise _no_schedule(schedule_id[:MAX_ID_CHARS])
    return schedule_id


ScheduleId = Annotated[str, Depends(_possible)]
_CREATE: TypeAdapter[ScheduleCreate] = TypeAdapter(ScheduleCreate)
_REPLACE: TypeAdapter[ScheduleBody] = TypeAdapter(ScheduleBody)

_ONE: dict[str, Any] = {
    "response_model": ScheduleView,
    "responses": refusals(problems.NOT_FOUND, problems.INVALID),
}
_MADE: dict[str, Any] = {"response_model": ScheduleView, "dependencies": WRITE}
_BODY_REFUSALS = refusals(
    problems.BAD_REQUEST,
    problems.NOT_FOUND,
    problems.TOO_SLOW,
    problems.CONFLICT,
    problems.TOO_LARGE,
    problems.INVALID,
)


@router.get("", dependencies=READ, response_model=ScheduleList, responses=refusals(problems.INVALID))
async def list_schedules(
    services: Parts,
    after: Annotated[
        str | None, Query(max_length=200, pattern=ID_PATTERN, description="The last id seen.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
) -> Response:
    """Schedules by id; those of the code and those of callers."""
    rows = await services.ledger.run(schedules.page, after, limit)
    return answer(ScheduleList(schedules=[schedule_view(row) for row in rows]))


@router.post(
    "", status_code=problems.CREATED, responses=_BODY_REFUSALS, openapi_extra=takes(ScheduleCreate), **_MADE
)
async def create_schedule(request: Request, services: Parts) -> Response:
    """Make a schedule; from now on its moments become jobs."""
    body = parse(_CREATE, await _read(request, services))
    row = await services.ledger.run(schedules.create, await _new(services, body.id, body))
    if row is None:
        raise problems.exists(f"There is a schedule {body.id!r} already: PUT changes it")
    return answer(schedule_view(row), problems.CREATED, {"Location": f"/v1/schedules/{row.id}"})


@router.get("/{schedule_id}", dependencies=READ, **_ONE)
async def get_schedule(schedule_id: ScheduleId, services: Parts) -> Response:
    """One schedule."""
    return answer(schedule_view(_found(schedule_id, await services.ledger.run(schedules.find, schedule_id))))


@router.put("/{schedule_id}", responses=_BODY_REFUSALS, openapi_extra=takes(ScheduleBody), **_MADE)
async def replace_schedule(schedule_id: ScheduleId, request: Request, services: Parts) -> Response:
    """Change a schedule; one that the code declares is kept as changed by later releases."""
    body = parse(_REPLACE, await _read(request, services))
    row = await services.ledger.run(schedules.replace, await _new(services, schedule_id, body))
    return answer(schedule_view(_found(schedule_id, row)))


@router.delete(
    "/{schedule_id}",
    status_code=problems.NO_CONTENT,
    dependencies=WRITE,
    response_model=None,
    responses=refusals(problems.NOT_FOUND, problems.CONFLICT, problems.INVALID),
)
async def delete_schedule(schedule_id: ScheduleId, services: Parts) -> Response:
    """Delete a schedule; its jobs stay."""
    if not await services.ledger.run(schedules.delete, schedule_id):
        row = _found(schedule_id, await services.ledger.run(schedules.find, schedule_id))
        raise problems.exists(f"The code declares {row.id!r} and would again: pause it instead")
    return Response(status_code=problems.NO_CONTENT)


@router.post("/{schedule_id}:pause", dependencies=WRITE, **_ONE)
async def pause_schedule(schedule_id: ScheduleId, services: Parts) -> Response:
    """Let the schedule fire no more."""
    return answer(schedule_view(_found(schedule_id, await services.ledger.run(schedules.pause, schedule_id))))


@router.post("/{schedule_id}:resume", dependencies=WRITE, **_ONE)
async def resume_schedule(schedule_id: ScheduleId, services: Parts) -> Response:
    """Let the schedule fire again, from now on."""
    row = _found(schedule_id, await services.ledger.run(schedules.resume, schedule_id))
    return answer(schedule_view(row))


@router.post(
    "/{schedule_id}:trigger",
    status_code=problems.ACCEPTED,
    dependencies=WRITE,
    response_model=Receipt,
    responses=refusals(problems.NOT_FOUND, problems.INVALID),
)
async def trigger_schedule(schedule_id: ScheduleId, services: Parts) -> Response:
    """Run the schedule's job once, now; its moments do not change."""
    done = await services.ledger.run(schedules.trigger, schedule_id, new_id())
    if done is None:
        raise _no_schedule(schedule_id)
    services.outbox.send(signals=[RELAY])
    receipt = Receipt(id=done.job.id, state=done.state, task=done.job.task, queue=done.job.queue)
    return answer(receipt, problems.ACCEPTED, {"Location": f"/v1/jobs/{receipt.id}"})


async def _read(request: Request, services: Services) -> bytes:
    settings = services.settings
    announced = request.headers.get("content-length")
    return await read_body(request.receive, announced, settings.api_input_bytes, settings.api_body_seconds)


async def _new(services: Services, schedule_id: str, body: ScheduleBody) -> schedules.NewSchedule:
    """The row that `body` asks for; its task and input are checked as a job's would be."""
    job = await services.intake.job(JobRequest(task=body.task, input=body.input))
    timing: Timing = body.timing()
    return schedules.NewSchedule(
        id=schedule_id,
        task=body.task,
        queue=body.queue,
        input=job.input,
        priority=job.priority if body.priority is None else body.priority,
        kind=timing.kind,
        spec=timing.spec,
        timezone=body.timezone,
        enabled=body.enabled,
    )


def _found(schedule_id: str, row: ScheduleRow | None) -> ScheduleRow:
    if row is None:
        raise _no_schedule(schedule_id)
    return row


def _no_schedule(schedule_id: str) -> problems.Problem:
    return problems.not_found(f"There is no schedule {schedule_id!r}")
