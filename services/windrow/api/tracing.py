"""A span for each request: an ASGI application around the API's own, which is there only while tracing is on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from windrow.api.problems import INTERNAL
from windrow.telemetry.traceparent import current_traceparent
from windrow.telemetry.traces import Tracing

#: Asked every few seconds by those who watch: nobody looks for their traces.
UNTRACED = frozenset({"/livez", "/readyz", "/metrics"})


class TracedApi:
    """Continues the caller's trace, or begins one; a job that is accepted inside of it carries it on."""

    def __init__(self, app: ASGIApp, tracing: Tracing) -> None:
        self._app = app
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            try:
                await self._app(scope, receive, send)
            finally:
                self._tracing.close()
            return
        if scope["type"] != "http" or scope["path"] in UNTRACED:
            await self._app(scope, receive, send)
            return
        method = scope["method"]
        parent = dict(scope["headers"]).get(b"traceparent", b"").decode("latin-1") or None
        attributes = {"http.request.method": method, "url.path": scope["path"]}
        with self._tracing.span(method, "server", parent, attributes) as span:
            status = INTERNAL

            async def watch(message: Message) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = message["status"]
                await send(message)

            await self._app(scope, receive, watch)
            # Lanes know no route: their path is one.
            route = getattr(scope.get("route"), "path", scope["path"] if status < 400 else None)
            span.say(http__response__status_code=status)
            if route is not None:
                span.rename(f"{method} {route}")
                span.say(http__route=route)
            if status >= INTERNAL:
                span.fail(f"HTTP {status}")


def trace_context() -> Mapping[str, Any]:
    """The trace that a line of the log belongs to."""
    found = current_traceparent()
    return {} if found is None else {"trace_id": found[3:35]}
