"""What an app's routes may ask of a request."""

from __future__ import annotations

from fastapi import Request

__all__ = ["caller_id"]


def caller_id(request: Request) -> str | None:
    """The id of the API key, or the ServiceAccount's subject, that sent the request; None where routes are open."""
    found: str | None = getattr(request.state, "windrow_caller", None)
    return found
