"""Spans by OTLP over HTTP: off, and then not even imported, unless a door's settings name an endpoint."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Protocol

logger = logging.getLogger(__name__)

Value = str | int | float | bool


class Span(Protocol):
    """What a door says of a span while it is in it."""

    def say(self, **attributes: Value) -> None:
        """Add attributes; `__` in a name stands for a dot."""

    def rename(self, name: str) -> None:
        """Call it otherwise: now more is known."""

    def fail(self, reason: str) -> None:
        """It did not go well."""


class Tracing(Protocol):
    """Where the spans of this process come from."""

    def span(
        self, name: str, kind: str, parent: str | None, attributes: Mapping[str, Value]
    ) -> AbstractContextManager[Span]:
        """A span around what is done inside, and the current one there.

        `kind` is "server" or "consumer", `parent` a W3C traceparent; without one it begins a trace.
        """

    def close(self) -> None:
        """Send what waits; takes a few seconds at most."""


def start(door: str, endpoint: str) -> Tracing | None:
    """This process's tracing; None when it is off. Once a process, and after it was forked."""
    if not endpoint:
        return None
    try:
        from windrow.telemetry.otlp import OtlpTracing
    except ModuleNotFoundError as error:
        logger.warning(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set, but the package %r is missing: nothing is traced. "
            "Install `windrow[traces]`, or unset it.",
            error.name,
        )
        return None
    return OtlpTracing(door)
