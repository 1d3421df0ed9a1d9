"""Which methods a path takes, whichever route takes them."""

from __future__ import annotations

import re
from typing import Any


def allowed(document: dict[str, Any], path: str) -> str | None:
    """The header Allow of `path` by the OpenAPI `document`; None for a path that it does not know.

    Of several templates that match, the longest tells: `/v1/jobs/{job_id}:cancel`, not `/v1/jobs/{job_id}`.
    """
    matching = [template for template in document["paths"] if _pattern(template).fullmatch(path)]
    if not matching:
        return None
    return ", ".join(sorted(method.upper() for method in document["paths"][max(matching, key=len)]))


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile("[^/]+".join(map(re.escape, re.split(r"\{[^}]+\}", template))))
