"""Which pages of other sites may call the API from a browser: those of an allow-list, and none by default."""

from __future__ import annotations

import re
from collections.abc import Sequence

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?|https?://\[[0-9a-fA-F:]+\](:[0-9]{1,5})?")
#: Seconds that a browser remembers what it may do.
PREFLIGHT_SECONDS = 600
_HEADERS = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "Prefer",
    "X-API-Key",
    "X-User",
    "traceparent",
)
_EXPOSED = ("Link", "Location", "Preference-Applied", "Retry-After")


def checked_origins(origins: Sequence[str]) -> None:
    """Raises ValueError for what is no origin; `*` is none: keys do not belong in any page."""
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise ValueError(
                f"{origin!r} is no origin: write scheme://host or scheme://host:port, without a path"
            )


def with_cors(app: ASGIApp, origins: Sequence[str]) -> ASGIApp:
    """`app` behind the allow-list. Around the whole application: some of its routes pass its own stack by."""
    if not origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_methods=("GET", "POST", "PUT", "PATCH", "DELETE"),
        allow_headers=_HEADERS,
        expose_headers=_EXPOSED,
        max_age=PREFLIGHT_SECONDS,
    )
