"""Whose to-dos a request is about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Header, Request

from windrow.public import caller_id
from windrow_apps.shared.owner_tags import ANONYMOUS

#: Neither empty, nor with control characters, nor longer than anybody is called.
_NAME = Header(
    min_length=1,
    max_length=200,
    pattern=r"^[^\x00-\x1f\x7f]+$",
    description="Whose to-dos, where the routes need no key; a key or a token is its own owner.",
)


def owner_of(default: str) -> Callable[..., str]:
    """A dependency: the id of the key or the subject of the token; with open routes X-User, else `default`."""

    def dependency(request: Request, x_user: Annotated[str | None, _NAME] = None) -> str:
        caller = caller_id(request)
        return x_user or default if caller in (None, ANONYMOUS) else caller

    return dependency
