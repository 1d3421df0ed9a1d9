"""The answers that each route documents: its good ones, and the problems that it may end in."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from windrow.api import problems


class FlawBody(BaseModel):
    """One thing that is wrong with a request."""

    pointer: str = Field(description="JSON Pointer into the body; `?name`: query parameter, `Name:`: header.")
    message: str
    fix: str


class ProblemBody(BaseModel):
    """An RFC 9457 problem."""

    type: str = Field(description="A URN for programs, e.g. `urn:windrow:problem:unknown-task`.")
    title: str
    status: int
    detail: str = Field(description="This one, for people.")
    instance: str | None = Field(None, description="The path that was asked.")
    errors: list[FlawBody] | None = None


_MEANINGS = {
    problems.BAD_REQUEST: "Malformed request",
    problems.UNAUTHENTICATED: "No key or token, or not one of ours",
    problems.FORBIDDEN: "The key or token lacks the scope",
    problems.NOT_FOUND: "There is no such thing",
    problems.METHOD_NOT_ALLOWED: "Method not allowed",
    problems.TOO_SLOW: "The body did not arrive in time",
    problems.CONFLICT: "The state forbids it, or a name is taken",
    problems.GONE: "Past retention",
    problems.TOO_LARGE: "Too large",
    problems.INVALID: "Not what the service takes",
    problems.TOO_MANY: "Too many at once",
    problems.INTERNAL: "Something broke here",
    problems.UNAVAILABLE: "Nothing can be kept or read at the moment; send it again, best with an Idempotency-Key",
}
#: Any keyed route may answer with these.
COMMON = (problems.UNAUTHENTICATED, problems.FORBIDDEN, problems.INTERNAL, problems.UNAVAILABLE)

Documented = dict[int | str, dict[str, Any]]


def refusals(*statuses: int, common: bool = True) -> Documented:
    """`responses` of a route: these problems, and those that every keyed route has."""
    return {status: _problem(status) for status in sorted({*statuses, *(COMMON if common else ())})}


def _problem(status: int) -> dict[str, Any]:
    reference = {"$ref": "#/components/schemas/ProblemBody"}
    entry: dict[str, Any] = {
        "description": _MEANINGS[status],
        "content": {problems.MEDIA_TYPE: {"schema": reference}},
    }
    if status in (problems.TOO_MANY, problems.UNAVAILABLE):
        entry["headers"] = {"Retry-After": {"description": "Seconds", "schema": {"type": "string"}}}
    return entry
