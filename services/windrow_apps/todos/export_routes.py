"""The HTTP routes of exports: order one, ask where it is, fetch the file."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import uuid_utils
from fastapi import APIRouter, HTTPException, Path, Query, Response, status
from fastapi.responses import StreamingResponse

from windrow.apps import Jobs
from windrow_apps.shared.database import Database
from windrow_apps.todos import export_store, replies
from windrow_apps.todos.export import MEDIA_TYPES
from windrow_apps.todos.export_store import Export
from windrow_apps.todos.models import ExportFormat

TASK = "todos.export_user_tasks"
MAX_TASK_ID_CHARACTERS = 155
_UNKNOWN: dict[int | str, dict[str, Any]] = {status.HTTP_404_NOT_FOUND: {"description": "No such export"}}
TaskId = Annotated[str, Path(max_length=MAX_TASK_ID_CHARACTERS, pattern=r"^[^\x00-\x1f\x7f]+$")]


def add_export_routes(routes: APIRouter, owner: Any, tags: Any, jobs: Jobs, database: Database) -> None:
    """Add them to `routes`; `owner` and `tags` are annotations of parameters that say who asks, and its jobs' tags."""

    async def known(caller: str, task_id: str) -> Export:
        export = await database.run_single(export_store.of_owner(task_id, caller))
        if export is None:
            raise HTTPException(status.HTTP_404_NOT_FOUND, f"There is no export with the id {task_id!r}")
        return export

    @routes.post("/tasks/export", status_code=status.HTTP_202_ACCEPTED)
    async def export(
        caller: owner,
        mine: tags,
        response: Response,
        export_format: Annotated[ExportFormat, Query()] = "json",
    ) -> replies.Queued:
        """Write all of the caller's to-dos into a file, as a job."""
        export_id = str(uuid_utils.uuid7())
        await database.run_single(export_store.order(export_id, caller, export_format))
        try:
            await jobs.submit(TASK, kwargs={"export_id": export_id}, job_id=export_id, tags=mine)
        except Exception:
            # Best effort: an order without a job stays until it is cleaned up, and nobody knows its id.
            await database.run_single(export_store.drop(export_id))
            raise
        response.headers["Location"] = f"/tasks/export-status/{export_id}"
        return replies.Queued(task_id=export_id, message=f"Your to-dos will be exported as {export_format}")

    @routes.get("/tasks/export-status/{task_id}", response_model_exclude_none=True, responses=_UNKNOWN)
    async def export_status(caller: owner, task_id: TaskId) -> replies.ExportStatus:
        """Where an export is; with a link to the file once that is done."""
        found = await known(caller, task_id)
        job = None if found.finished_at else await jobs.get(task_id)
        return replies.export_status(found, job, f"/tasks/export-files/{task_id}")

    @routes.get(
        "/tasks/export-files/{task_id}",
        response_class=StreamingResponse,
        responses={
            status.HTTP_200_OK: {"content": {media.partition(";")[0]: {} for media in MEDIA_TYPES.values()}},
            **_UNKNOWN,
            status.HTTP_409_CONFLICT: {"description": "Not done yet"},
        },
    )
    async def export_file(caller: owner, task_id: TaskId) -> StreamingResponse:
        """The file of an export that is done."""
        found = await known(caller, task_id)
        if found.finished_at is None:
            raise HTTPException(status.HTTP_409_CONFLICT, "The export is not done: ask for its status")
        name = f"todos-{found.finished_at:%Y-%m-%d}.{found.format}"
        headers = {
            "Content-Disposition": f'attachment; filename="{name}"',
            "Content-Length": str(found.bytes),
        }
        return StreamingResponse(_parts(task_id), media_type=MEDIA_TYPES[found.format], headers=headers)

    async def _parts(export_id: str) -> AsyncIterator[bytes]:
        # No connection is held between two parts: the pace is the client's.
        number = 0
        while (data := await database.run_single(export_store.part(export_id, number))) is not None:
            yield data
            number += 1
