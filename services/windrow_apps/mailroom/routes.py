"""The HTTP routes of the mailroom: send, process, report; ask, cancel, look."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import APIRouter, HTTPException, Request, Response, status

from windrow.apps import Job, Jobs
from windrow_apps.mailroom.intake import Intake, intake, invalid
from windrow_apps.mailroom.models import (
    Cancellation,
    EmailRequest,
    Held,
    ProcessData,
    Queued,
    ReportRequest,
    TaskState,
    Welcome,
)
from windrow_apps.mailroom.replies import ENDPOINTS, TASKS, TODOS_TASKS, cancellation, describe, held
from windrow_apps.mailroom.settings import MailroomSettings, settings
from windrow_apps.mailroom.shelf import Shelf
from windrow_apps.mailroom.store import MailroomStore
from windrow_apps.shared.outbound import OutboundRefused, OutboundSettings, check_url, outbound_settings
from windrow_apps.shared.owner_tags import caller_tag, key_tag

#: Threads, and with each a connection to PostgreSQL, that the routes of one API process use at once.
THREADS = 2
#: Bodies of more than SMALL_BYTES that it reads at once: JSON of 32 MiB takes ten times that for a moment.
UPLOADS = 4
SMALL_BYTES = 1024 * 1024
ACCEPTED = status.HTTP_202_ACCEPTED
#: For the docs: the route reads the body itself.
_PROCESS_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["data"],
                    "additionalProperties": False,
                    "properties": {
                        "data": ProcessData.model_json_schema(),
                        "description": {"type": "string", "maxLength": 1000},
                    },
                }
            },
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "description": {"type": "string"},
                        "format": {"type": "string", "enum": ["csv", "jsonl"]},
                    },
                }
            },
        },
    }
}


class Mailroom:
    """The routes' work, over the platform's jobs."""

    def __init__(self, jobs: Jobs, mine: MailroomSettings, outbound: OutboundSettings) -> None:
        self._jobs = jobs
        self._mine = mine
        self._outbound = outbound
        self._store = MailroomStore(mine)
        self._shelf = Shelf(mine)
        self._threads = CapacityLimiter(THREADS)
        self._uploads = CapacityLimiter(UPLOADS)

    @asynccontextmanager
    async def room(self, request: Request) -> AsyncIterator[None]:
        """For a body that may be large: as many at once as memory is meant for, the next one is sent away."""
        announced = request.headers.get("content-length", "")
        if announced.isdigit() and int(announced) <= SMALL_BYTES:
            yield
            return
        if not self._uploads.available_tokens:
            raise HTTPException(
                status.HTTP_503_SERVICE_UNAVAILABLE,
                "Too many uploads at once: nothing was accepted",
                {"Retry-After": "2"},
            )
        async with self._uploads:
            yield

    async def email(self, wish: EmailRequest, tags: Sequence[str]) -> Job:
        """Queue a mail."""
        domain = wish.email.rpartition("@")[2].lower()
        if self._mine.domains and domain not in self._mine.domains:
            raise invalid(("body", "email"), f"mail to {domain} is not allowed here")
        return await self._jobs.submit(
            "mailroom.send_email",
            kwargs={"email": wish.email, "subject": wish.subject, "body": wish.body},
            priority=self._mine.email_priority if wish.priority is None else wish.priority,
            delay=wish.countdown,
            run_at=wish.eta,
            tags=tags,
        )

    async def process(self, wish: Intake, tags: Sequence[str]) -> Job:
        """Keep the records where they come along, and queue their processing."""
        source, upload_id = dict(wish.source), None
        if source["kind"] == "url":
            try:
                check_url(source["url"], self._outbound)
            except OutboundRefused as error:
                raise invalid(("body", "data", "url"), str(error)) from None
        if wish.pieces is not None:
            if await self._run(self._store.uploaded_bytes) >= self._mine.upload_total_bytes:
                raise HTTPException(
                    status.HTTP_503_SERVICE_UNAVAILABLE,
                    "Too many uploads are kept: nothing was accepted",
                    {"Retry-After": "3600"},
                )
            upload_id = uuid4()
            await self._run(self._store.save_upload, upload_id, wish.pieces)
            source["id"] = str(upload_id)
        try:
            return await self._jobs.submit(
                "mailroom.process_records",
                kwargs={"source": source, "description": wish.description},
                priority=self._mine.process_priority,
                tags=tags,
            )
        except Exception:
            if upload_id is not None:
                await self._run(self._store.drop_upload, upload_id)
            raise

    async def report(self, wish: ReportRequest, tags: Sequence[str]) -> Job:
        """Queue a report."""
        return await self._jobs.submit(
            "mailroom.report",
            kwargs={
                "report_type": wish.report_type,
                "params": wish.params.model_dump(mode="json", by_alias=True, exclude_none=True),
            },
            priority=self._mine.report_priority,
            tags=tags,
        )

    async def pdf(self, report_id: UUID) -> bytes | None:
        """A report; None when there is none."""
        found: bytes | None = await self._run(self._shelf.get, report_id)
        return found

    async def _run(self, call: Any, *args: Any) -> Any:
        return await run_sync(partial(call, *args), limiter=self._threads)


def router(jobs: Jobs) -> APIRouter:
    """The mailroom's routes. Reads the settings once, now."""
    mailroom = Mailroom(jobs, settings(), outbound_settings())
    routes = APIRouter(tags=["mailroom"])

    def queued(job: Job, message: str, response: Response) -> Queued:
        response.headers["Location"] = f"/tasks/{job.id}"
        return Queued(task_id=job.id, message=message)

    @routes.post("/tasks/email", status_code=ACCEPTED)
    async def email(wish: EmailRequest, request: Request, response: Response) -> Queued:
        """Send a mail; the same content within 24 hours is sent once."""
        return queued(await mailroom.email(wish, _tags(request)), "Email task has been queued", response)

    @routes.post("/tasks/process", status_code=ACCEPTED, openapi_extra=_PROCESS_BODY)
    async def process(request: Request, response: Response) -> Queued:
        """Statistics of records: uploaded, at a URL, inline, or the ledger's latest jobs."""
        async with mailroom.room(request), intake(request) as wish:
            return queued(
                await mailroom.process(wish, _tags(request)), "Processing task has been queued", response
            )

    @routes.post("/tasks/report", status_code=ACCEPTED)
    async def report(wish: ReportRequest, request: Request, response: Response) -> Queued:
        """Make a report; its result names the address of the PDF."""
        return queued(await mailroom.report(wish, _tags(request)), "Report task has been queued", response)

    @routes.get("/tasks/active/list")
    async def active(request: Request) -> Held:
        """The caller's jobs that workers have, or that wait for their moment; at most 100 of each task."""
        return await held(jobs, key_tag(request))

    @routes.get("/tasks/{task_id:uuid}")
    async def state(task_id: UUID, request: Request) -> TaskState:
        """Where the caller's job of the mailroom, or bulk update or export of to-dos, is; in Celery's words."""
        return describe(await _found(jobs, task_id, request, TODOS_TASKS))

    @routes.delete("/tasks/{task_id:uuid}", responses={400: {"description": "It runs or has ended."}})
    async def cancel(task_id: UUID, request: Request) -> Cancellation:
        """Cancel a job that waits."""
        job = await _found(jobs, task_id, request)
        return cancellation(job, await jobs.cancel(job.id, running=False))

    @routes.get("/reports/{report_id:uuid}.pdf", response_class=Response)
    async def pdf(report_id: UUID) -> Response:
        """A report."""
        content = await mailroom.pdf(report_id)
        if content is None:
            raise HTTPException(status.HTTP_404_NOT_FOUND, "There is no such report")
        headers = {
            "Content-Disposition": f'inline; filename="{report_id}.pdf"',
            "X-Content-Type-Options": "nosniff",
        }
        return Response(content, media_type="application/pdf", headers=headers)

    @routes.get("/")
    async def welcome() -> Welcome:
        """What there is."""
        return Welcome(
            message="Windrow's mailroom: e-mail, processing and reports as jobs", endpoints=ENDPOINTS
        )

    return routes


def _tags(request: Request) -> list[str]:
    """For a job of whoever asks; with open routes none, for everybody may see it."""
    mine = key_tag(request)
    return [] if mine is None else [mine]


async def _found(jobs: Jobs, task_id: UUID, request: Request, todos_tasks: Sequence[str] = ()) -> Job:
    """The caller's job of the mailroom, or of these tasks of the app todos. Raises HTTPException."""
    job, mine = await jobs.get(str(task_id)), key_tag(request)
    # Another app's jobs are none of these routes' business, and they may be open to all.
    if job is not None and (
        (job.task in TASKS and (mine is None or mine in job.tags))
        or (job.task in todos_tasks and caller_tag(request) in job.tags)
    ):
        return job
    raise HTTPException(status.HTTP_404_NOT_FOUND, "There is no such task")
