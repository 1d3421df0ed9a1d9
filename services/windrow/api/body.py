"""Read a request's body, but never more of it than is taken, and make sense of it."""

from __future__ import annotations

from typing import TypeVar

from fastapi import Request
from pydantic import TypeAdapter, ValidationError

from windrow.api.flaws import refusal
from windrow.api.problems import bad_request, too_large

T = TypeVar("T")


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body. Raises the 413 problem above `limit` bytes, before reading what a header announces."""
    announced = request.headers.get("content-length")
    if announced is not None:
        if not announced.isdecimal():
            raise bad_request("Content-Length is not a number")
        if int(announced) > limit:
            raise too_large("The body", limit)
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise too_large("The body", limit)
        chunks.append(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def parse(adapter: TypeAdapter[T], body: bytes) -> T:
    """`body` as JSON of that type. Raises the 400 and 422 problems."""
    try:
        return adapter.validate_json(body)
    except ValidationError as exc:
        raise refusal(exc, body) from exc
