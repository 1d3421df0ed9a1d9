"""Errors in the framework's own shape, so that whoever shapes them for the whole API shapes these too."""

from typing import Any, Literal

from fastapi import HTTPException, status
from fastapi.exceptions import RequestValidationError


def invalid(place: Literal["query", "body"], field: str, message: str, value: Any) -> RequestValidationError:
    """422 for one field."""
    return RequestValidationError(
        [{"type": "value_error", "loc": (place, field), "msg": message, "input": value}]
    )


def unknown(what: str) -> HTTPException:
    """404."""
    return HTTPException(status.HTTP_404_NOT_FOUND, what)


def conflict(what: str) -> HTTPException:
    """409."""
    return HTTPException(status.HTTP_409_CONFLICT, what)
