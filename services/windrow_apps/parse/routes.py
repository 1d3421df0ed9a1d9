"""The HTTP routes of the parse app: start a run, ask for its state."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response, status
from fastapi.exceptions import RequestValidationError

from windrow.apps import Jobs
from windrow_apps.parse.replies import Started, Status, describe, unknown
from windrow_apps.parse.settings import settings

TASK = "parse.pages"
#: A page id fits PostgreSQL's bigint and JSON's safe integers.
MAX_ID = 10**12
MAX_TASK_ID_CHARACTERS = 155

PageId = Annotated[int, Query(ge=1, le=MAX_ID)]
TaskId = Annotated[str, Path(max_length=MAX_TASK_ID_CHARACTERS)]


def router(jobs: Jobs) -> APIRouter:
    """The routes under `/parse`, over the platform's jobs. Reads the settings once, now."""
    max_pages = settings().max_pages
    routes = APIRouter(prefix="/parse", tags=["parse"])

    @routes.post("", status_code=status.HTTP_202_ACCEPTED)
    async def start(start_id: PageId, end_id: PageId, response: Response) -> Started:
        """Parse the pages `start_id` to `end_id`, both included, as a job."""
        _check_range(start_id, end_id, max_pages)
        job = await jobs.submit(TASK, kwargs={"start_id": start_id, "end_id": end_id})
        response.headers["Location"] = f"{routes.prefix}/status/{job.id}"
        return Started(task_id=job.id)

    @routes.get(
        "/status/{task_id}",
        response_model_exclude_none=True,
        responses={status.HTTP_404_NOT_FOUND: {"model": Status, "description": "Unknown task id"}},
    )
    async def state(task_id: TaskId, response: Response) -> Status:
        """Where a parse job is, in Celery's words."""
        job = await jobs.get(task_id)
        # Another app's jobs are none of this route's business, and it may be open to all.
        if job is None or job.task != TASK:
            response.status_code = status.HTTP_404_NOT_FOUND
            return unknown(task_id)
        return describe(job)

    return routes


def _check_range(start_id: int, end_id: int, max_pages: int) -> None:
    if start_id > end_id:
        raise _invalid("end_id", f"end_id must not be less than start_id ({start_id})", end_id)
    count = end_id - start_id + 1
    if count > max_pages:
        message = f"{count} pages are too many for one job: at most {max_pages}"
        raise _invalid("end_id", message, end_id)


def _invalid(field: str, message: str, value: Any) -> RequestValidationError:
    # FastAPI's own error, so that whoever shapes errors for the whole API shapes this one too.
    problem = {"type": "value_error", "loc": ("query", field), "msg": message, "input": value}
    return RequestValidationError([problem])
