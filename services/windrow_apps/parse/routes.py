"""The HTTP routes of the parse app: start a run, ask for its state."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response, status
from fastapi.exceptions import RequestValidationError

from windrow.apps import Jobs
from windrow_apps.parse.errors import InvalidRange
from windrow_apps.parse.page_range import MAX_ID, page_range
from windrow_apps.parse.replies import Started, Status, describe, unknown
from windrow_apps.parse.settings import settings

TASK = "parse.pages"
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
        try:
            page_range(start_id, end_id, max_pages)
        except InvalidRange as error:
            raise _invalid(error.field, error.message, end_id) from None
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


def _invalid(field: str, message: str, value: Any) -> RequestValidationError:
    # FastAPI's own error, so that whoever shapes errors for the whole API shapes this one too.
    problem = {"type": "value_error", "loc": ("query", field), "msg": message, "input": value}
    return RequestValidationError([problem])
