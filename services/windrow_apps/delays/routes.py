"""The HTTP route of the delays app: one request, one job, one answer."""

import time
from datetime import UTC, datetime, timedelta

from fastapi import APIRouter, HTTPException, Request, Response, status
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from windrow.apps import Job, Jobs, State
from windrow_apps.delays.answering import wait_or_stop
from windrow_apps.delays.models import Completed, Failed, Pending, Waited, Wish
from windrow_apps.delays.settings import settings

TASK = "delays.process"
RETRY_AFTER_SECONDS = 5


def router(jobs: Jobs) -> APIRouter:
    """`POST /process`, over the platform's jobs. Reads the settings once, now."""
    current = settings()
    limit = current.task_timeout + current.task_margin
    routes = APIRouter(tags=["delays"])
    waiting: set[Request] = set()

    @routes.post(
        "/process",
        response_model=Completed,
        responses={
            status.HTTP_202_ACCEPTED: {
                "model": Pending,
                "description": "Not done in time: the job was stopped",
            },
            status.HTTP_500_INTERNAL_SERVER_ERROR: {"model": Failed, "description": "The job failed"},
        },
    )
    async def process(wish: Wish, request: Request) -> Response:
        """Wait `delay` seconds as a job and answer with its result; one runs, the others wait their turn."""
        if len(waiting) >= current.max_waiting:
            raise HTTPException(
                status.HTTP_503_SERVICE_UNAVAILABLE,
                f"{current.max_waiting} requests wait already",
                {"Retry-After": str(RETRY_AFTER_SECONDS)},
            )
        waiting.add(request)
        began = time.monotonic()
        try:
            job = await jobs.submit(
                TASK,
                kwargs={"delay": wish.delay},
                # Should this process die, nobody wants the job: it must neither start later nor run on.
                expires_at=datetime.now(UTC) + timedelta(seconds=limit),
                time_limit=limit,
                max_attempts=1,
            )
            found = await wait_or_stop(jobs, job, current.task_timeout, request)
        finally:
            waiting.discard(request)
        return _answer(job.id, found, round(time.monotonic() - began, 3))

    return routes


def _answer(job_id: str, job: Job | None, seconds: float) -> Response:
    if job is not None and job.state is State.SUCCEEDED:
        done = Completed(result=Waited.model_validate(job.result), time=seconds)
        return _json(status.HTTP_200_OK, done)
    if job is None or job.state in (State.FAILED, State.CANCELLED):
        error = (
            "the ledger does not know the job any more" if job is None else job.error or f"it was {job.state}"
        )
        return _json(status.HTTP_500_INTERNAL_SERVER_ERROR, Failed(error=error, task_id=job_id))
    message = f"Not done after {seconds:g} s: the job was stopped"
    answer = _json(status.HTTP_202_ACCEPTED, Pending(message=message, time=seconds))
    answer.headers["Location"] = f"/v1/jobs/{job_id}"
    return answer


def _json(code: int, body: BaseModel) -> Response:
    return JSONResponse(body.model_dump(), code)
