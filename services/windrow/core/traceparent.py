"""The W3C trace context of a job, as it stands in its options: who asked for it, in another process, long ago."""

from __future__ import annotations

import re
from typing import Any

KEY = "traceparent"
_FORM = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")


def is_traceparent(value: Any) -> bool:
    """Whether it has the standard's form; a malformed one is dropped, as the standard says."""
    return isinstance(value, str) and _FORM.fullmatch(value) is not None


def trace_id_of(value: Any) -> str | None:
    """The trace's id, 32 hexadecimal digits; None for what is no traceparent."""
    found = _FORM.fullmatch(value) if isinstance(value, str) else None
    return found[1] if found else None
