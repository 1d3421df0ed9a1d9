"""The trace that this code is in, for those who carry it on; OpenTelemetry is looked at only where it is in use."""

from __future__ import annotations

import sys


def current_traceparent() -> str | None:
    """The current span as a W3C traceparent; None outside of one, or when nobody here traces."""
    # Not its API: redis-py imports that by itself.
    if "opentelemetry.sdk.trace" not in sys.modules:
        return None
    from opentelemetry import trace

    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
