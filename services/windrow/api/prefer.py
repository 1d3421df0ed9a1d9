"""The Prefer header (RFC 7240): how long a caller would wait."""

from __future__ import annotations

import re

_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,9})\"?(?=$|[,;\s])", re.IGNORECASE)


def wished_wait(prefer: str | None, longest: float) -> float | None:
    """Seconds of `Prefer: wait=N`, at most `longest`; None without the wish: preferences are never an error."""
    found = _WAIT.search(prefer) if prefer else None
    return min(float(found[1]), longest) if found else None


def applied(seconds: float) -> dict[str, str]:
    """The header that tells how long was waited at most."""
    return {"Preference-Applied": f"wait={seconds:g}"}
