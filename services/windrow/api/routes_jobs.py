"""Reading jobs: /v1/jobs and what is below one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from pydantic import StringConstraints

from windrow.api import problems
from windrow.api.auth import needs
from windrow.api.callers import JOBS_READ
from windrow.api.cursors import decode_cursor, encode_cursor
from windrow.api.documented import refusals
from windrow.api.prefer import applied, wished_wait
from windrow.api.reading import check_id, find_job, missing
from windrow.api.services import Services, services_of
from windrow.api.views import AttemptList, AttemptView, JobPage, JobView, answer, error_view, job_view, render
from windrow.core.ids import lowest_id_at
from windrow.core.input import PRINTABLE, WrittenMoment
from windrow.core.states import State
from windrow.store import jobs

router = APIRouter(prefix="/v1/jobs", tags=["jobs"], dependencies=[Depends(needs(JOBS_READ))])

Parts = Annotated[Services, Depends(services_of)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=PRINTABLE)]
Prefer = Annotated[
    str | None, Header(description="`wait=N`: answer when the job is final, after N seconds at most.")
]
MAX_PAGE = 500


@router.get("", response_model=JobPage, responses=refusals(problems.INVALID))
async def list_jobs(
    request: Request,
    services: Parts,
    state: Annotated[list[State], Query(description="Any of these.")] = [],  # noqa: B006 - FastAPI copies it
    task: Word | None = None,
    queue: Word | None = None,
    tag: Word | None = None,
    created_from: Annotated[WrittenMoment | None, Query(description="Not before; UUIDv7 ids only.")] = None,
    created_before: Annotated[
        WrittenMoment | None, Query(description="Earlier than; UUIDv7 ids only.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
    cursor: Annotated[str | None, Query(max_length=300, description="`next` of the page before.")] = None,
) -> Response:
    """Jobs, the newest id first; results are left out."""
    before = decode_cursor(cursor) if cursor is not None else None
    if created_before is not None:
        bound = lowest_id_at(_in_range(created_before))
        before = bound if before is None else min(before, bound)
    which = jobs.Filter(
        states=_stored(state),
        task=task,
        queue=queue,
        tag=tag,
        from_id=None if created_from is None else lowest_id_at(_in_range(created_from)),
        before_id=before,
    )
    found = await services.ledger.run(jobs.page, which, limit + 1)
    headers, following = {}, None
    if len(found) > limit:
        found = found[:limit]
        following = encode_cursor(found[-1].id)
        others = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
        headers["Link"] = f'<{request.url.path}?{urlencode([*others, ("cursor", following)])}>; rel="next"'
    return answer(JobPage(jobs=[job_view(job) for job in found], next=following), headers=headers)


@router.get(
    "/{job_id}",
    response_model=JobView,
    responses=refusals(problems.NOT_FOUND, problems.GONE, problems.INVALID),
)
async def get_job(job_id: str, services: Parts, prefer: Prefer = None) -> Response:
    """One job; with `Prefer: wait=N` as soon as it is final."""
    seconds = wished_wait(prefer, services.settings.api_wait_seconds)
    if seconds is None:
        return answer(job_view(await find_job(services, job_id)))
    check_id(job_id)
    record = await services.waiting.finished(job_id, seconds)
    if record is None:
        raise missing(services, job_id)
    return answer(job_view(record), headers=applied(seconds))


_RESULT: dict[int | str, dict[str, Any]] = {
    problems.OK: {"description": "What the job returned.", "content": {"application/json": {"schema": {}}}}
}


@router.get(
    "/{job_id}/result",
    response_model=None,
    responses=_RESULT | refusals(problems.NOT_FOUND, problems.CONFLICT, problems.GONE, problems.INVALID),
)
async def get_result(job_id: str, services: Parts, prefer: Prefer = None) -> Response:
    """What a succeeded job returned, as JSON; 409 while there is none, and when there never will be."""
    seconds = wished_wait(prefer, services.settings.api_wait_seconds) or 0.0
    check_id(job_id)
    record = await services.waiting.finished(job_id, seconds)
    if record is None:
        raise missing(services, job_id)
    if not record.state.is_final:
        raise problems.not_finished(record.state.shown, job_id)
    if record.state is not State.SUCCEEDED:
        raise problems.no_result(record.state, record.error, job_id)
    headers = applied(seconds) if seconds else None
    return Response(render(record.result), headers=headers, media_type="application/json")


@router.get(
    "/{job_id}/attempts",
    response_model=AttemptList,
    responses=refusals(problems.NOT_FOUND, problems.GONE, problems.INVALID),
)
async def get_attempts(job_id: str, services: Parts) -> Response:
    """Every start of the job, each with its error."""
    await find_job(services, job_id)
    rows = await services.ledger.run(jobs.attempts, job_id)
    views = [
        AttemptView(
            attempt=row.attempt,
            outcome=row.outcome,
            worker=row.worker,
            due_at=row.due_at,
            started_at=row.started_at,
            finished_at=row.finished_at,
            error=error_view(row.error, with_traceback=True),
        )
        for row in rows
    ]
    return answer(AttemptList(attempts=views))


def _stored(shown: list[State]) -> list[State] | None:
    """The states in the ledger that are shown as these: a claim is shown as queued."""
    if not shown:
        return None
    return [*shown, State.CLAIMED] if State.QUEUED in shown else shown


def _in_range(moment: datetime) -> datetime:
    """`moment`, or the nearest one that a UUIDv7 can hold."""
    earliest = datetime(1970, 1, 1, tzinfo=UTC)
    return max(moment, earliest) if moment.year < 9000 else datetime(9000, 1, 1, tzinfo=UTC)
