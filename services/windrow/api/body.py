"""Read a request's body, but never more of it than is taken, and make sense of it."""

from __future__ import annotations

from typing import TypeVar

from pydantic import TypeAdapter, ValidationError
from starlette.types import Receive

from windrow.api.flaws import refusal
from windrow.api.patience import Patience, TooSlow
from windrow.api.problems import bad_request, too_large, too_slow

T = TypeVar("T")


class ClientGone(Exception):
    """The caller hung up before the end of its body: nobody is left to answer."""


async def read_body(receive: Receive, announced: str | None, limit: int, seconds: float) -> bytes:
    """The whole body; `announced` is the header Content-Length.

    Raises ClientGone, the 413 problem above `limit` bytes, without reading what is announced to be more, and the
    408 problem after `seconds`.
    """
    if announced is not None:
        if not announced.isdecimal():
            raise bad_request("Content-Length is not a number")
        if int(announced) > limit:
            raise too_large("The body", limit)
    chunks: list[bytes] = []
    size = 0
    more = True
    patient = Patience(receive, seconds)
    while more:
        try:
            message = await patient()
        except TooSlow:
            raise too_slow(seconds) from None
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise too_large("The body", limit)
        chunks.append(chunk)
        more = message.get("more_body", False)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def parse(adapter: TypeAdapter[T], body: bytes) -> T:
    """`body` as JSON of that type. Raises the 400 and 422 problems."""
    try:
        return adapter.validate_json(body)
    except ValidationError as exc:
        raise refusal(exc, body) from exc
