"""The HTTP routes of the parse app: start a run, ask for its state, stop it."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response, status
from fastapi.exceptions import RequestValidationError

from windrow.apps import Jobs
from windrow_apps.parse.errors import InvalidRange
from windrow_apps.parse.page_range import MAX_ID, page_range
from windrow_apps.parse.replies import Started, Status, Stopped, describe, stopped, unknown
from windrow_apps.parse.settings import settings
from windrow_apps.shared.outbound import MAX_URL_CHARACTERS, OutboundRefused, check_url, outbound_settings
from windrow_apps.shared.smtp import BadAddress, check_domain, clean_address, smtp_settings

TASK = "parse.pages"
MAX_TASK_ID_CHARACTERS = 155

#: As many as the task makes by itself: with its cap, about four minutes without source or database.
MAX_RETRIES = 10

PageId = Annotated[int, Query(ge=1, le=MAX_ID)]
Retries = Annotated[
    int, Query(ge=0, le=MAX_RETRIES, description="Times that a source that is away is tried again.")
]
TaskId = Annotated[str, Path(max_length=MAX_TASK_ID_CHARACTERS)]


def router(jobs: Jobs) -> APIRouter:
    """The routes under `/parse`, over the platform's jobs. Reads the settings once, now."""
    max_pages, allowed, smtp = settings().max_pages, outbound_settings(), smtp_settings()
    routes = APIRouter(prefix="/parse", tags=["parse"])

    @routes.post("", status_code=status.HTTP_202_ACCEPTED)
    async def start(
        start_id: PageId,
        end_id: PageId,
        response: Response,
        retries: Retries = MAX_RETRIES,
        notify_email: Annotated[str | None, Query(max_length=254)] = None,
        notify_webhook: Annotated[str | None, Query(max_length=MAX_URL_CHARACTERS)] = None,
    ) -> Started:
        """Parse the pages `start_id` to `end_id`, both included, as a job; tell who asked when it has ended."""
        try:
            page_range(start_id, end_id, max_pages)
        except InvalidRange as error:
            raise _invalid(error.field, error.message, end_id) from None
        wishes: dict[str, Any] = {"start_id": start_id, "end_id": end_id}
        if retries != MAX_RETRIES:
            wishes["retries"] = retries
        if notify_email is not None:
            wishes["notify_email"] = _checked("notify_email", clean_address, notify_email)
            _checked("notify_email", lambda address: check_domain(address, smtp), wishes["notify_email"])
        if notify_webhook is not None:
            _checked("notify_webhook", lambda url: check_url(url, allowed), notify_webhook)
            wishes["notify_webhook"] = notify_webhook
        job = await jobs.submit(TASK, kwargs=wishes)
        response.headers["Location"] = f"{routes.prefix}/status/{job.id}"
        return Started(task_id=job.id)

    @routes.delete(
        "/{task_id}",
        responses={
            status.HTTP_404_NOT_FOUND: {"model": Status, "description": "Unknown task id"},
            status.HTTP_409_CONFLICT: {"model": Stopped, "description": "The task has ended"},
        },
    )
    async def stop(task_id: TaskId, response: Response) -> Stopped | Status:
        """Cancel a parse job: at once when it waits, within seconds when it runs."""
        job = await jobs.get(task_id)
        done = None if job is None or job.task != TASK else await jobs.cancel(task_id)
        if done is None:
            response.status_code = status.HTTP_404_NOT_FOUND
            return unknown(task_id)
        if done.before.is_final:
            response.status_code = status.HTTP_409_CONFLICT
        return stopped(task_id, done)

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


def _checked(field: str, check: Callable[[str], Any], value: str) -> Any:
    try:
        return check(value)
    except (BadAddress, OutboundRefused) as error:
        raise _invalid(field, str(error), value) from None


def _invalid(field: str, message: str, value: Any) -> RequestValidationError:
    # FastAPI's own error, so that whoever shapes errors for the whole API shapes this one too.
    problem = {"type": "value_error", "loc": ("query", field), "msg": message, "input": value}
    return RequestValidationError([problem])
