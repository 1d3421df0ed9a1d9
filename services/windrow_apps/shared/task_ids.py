"""What `/tasks/{id}` may be in one API: the integer of a to-do or the UUID of a job; all else is refused clearly."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, HTTPException, Path, status
from fastapi.exceptions import RequestValidationError
from starlette.convertors import Convertor, register_url_convertor

from windrow.apps import Jobs

#: PostgreSQL's bigint.
MAX_TODO_ID = 2**63 - 1
#: What one path may be long, and what is shown of it.
MAX_SHOWN_CHARACTERS = 80
_METHODS = ["GET", "PUT", "PATCH", "DELETE"]
#: Of a job by its UUID; the other methods are for to-dos.
_JOB_METHODS = "DELETE, GET, HEAD"


class _Integer(Convertor[int]):
    """An integer of at most bigint's digits: Starlette's own takes any number, and Python refuses very long ones."""

    regex = "[0-9]{1,19}"

    def convert(self, value: str) -> int:
        return int(value)

    def to_string(self, value: int) -> str:
        return str(value)


def register_integer() -> None:
    """Let paths say `{todo_id:bigint}`; may be called again."""
    register_url_convertor("bigint", _Integer())


def not_an_id(task_id: object) -> RequestValidationError:
    """The error for what no to-do and no job can have as an id; the API's door makes a 422 of it."""
    shown = str(task_id)[:MAX_SHOWN_CHARACTERS]
    problem = {
        "type": "value_error",
        "loc": ("path", "task_id"),
        "msg": f"{shown!r} is neither the integer id of a to-do nor the UUID of a job",
        "input": shown,
    }
    return RequestValidationError([problem])


def router(jobs: Jobs) -> APIRouter:
    """Answers for every `/tasks/{id}` that no app takes. Mounted after the apps' own routes."""
    del jobs
    routes = APIRouter()

    async def refuse(task_id: str) -> None:
        raise not_an_id(task_id)

    async def no_such_method(job_id: Annotated[UUID, Path()]) -> None:
        raise HTTPException(
            status.HTTP_405_METHOD_NOT_ALLOWED,
            "A job takes GET and DELETE; this method is for to-dos, whose ids are integers",
            headers={"Allow": _JOB_METHODS},
        )

    hidden: dict[str, Any] = {"include_in_schema": False}
    routes.add_api_route("/tasks/{job_id:uuid}", no_such_method, methods=["PUT", "PATCH"], **hidden)
    routes.add_api_route("/tasks/{task_id}", refuse, methods=_METHODS, **hidden)
    return routes
