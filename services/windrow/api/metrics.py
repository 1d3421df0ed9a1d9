"""Rate, errors and duration of requests, by route template."""

from __future__ import annotations

import time
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from windrow.api.problems import INTERNAL

#: Seconds; a submit is a few milliseconds, a wait may be a minute.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)
#: What no route answered has one label, or the paths of a scanner would fill the memory.
NO_ROUTE = "none"
#: Why a message may be left to the relay; each has its series from the start.
REASONS = ("overflow", "broker_unavailable", "window_full")


class Metrics:
    """Every metric of this process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "windrow_http_requests",
            "Requests by method, route template and status.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "windrow_http_request_seconds",
            "Seconds from a request's head to the end of its answer.",
            ("method", "route"),
            buckets=BUCKETS,
            registry=self.registry,
        )
        self.accepted = Counter(
            "windrow_jobs_accepted", "Jobs that this process committed.", registry=self.registry
        )
        self.unsent = Counter(
            "windrow_messages_left_to_relay",
            "Messages that this process could not send, by reason.",
            ("reason",),
            registry=self.registry,
        )
        for reason in REASONS:
            self.unsent.labels(reason)
        self.streams = Gauge("windrow_event_streams", "Open event streams.", registry=self.registry)
        self._children: dict[tuple[str, str, int], tuple[Any, Any]] = {}

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request."""
        found = self._children.get((method, route, status))
        if found is None:
            found = (self.requests.labels(method, route, str(status)), self.seconds.labels(method, route))
            self._children[method, route, status] = found
        found[0].inc()
        found[1].observe(seconds)


#: Any other method is somebody's invention and would be a label of their choice.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class MetricsMiddleware:
    """Counts what passes through."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = INTERNAL
        began = time.perf_counter()

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watch)
        finally:
            route = getattr(scope.get("route"), "path", NO_ROUTE)
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self._metrics.observe(method, route, status, time.perf_counter() - began)
