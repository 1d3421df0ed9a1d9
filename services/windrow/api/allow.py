"""Which methods a path takes, whichever route takes them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fastapi.routing import RouteContext, iter_route_contexts
from starlette.routing import BaseRoute


def allowed(routes: Sequence[BaseRoute], path: str) -> str | None:
    """The header Allow of `path` by the documented ones of `routes`; None for a path that none of them takes.

    Of several templates that match, the one with the most text of its own tells: `/v1/jobs/{job_id}:cancel`, not
    `/v1/jobs/{job_id}`.
    """
    matching = [route for route in iter_route_contexts(routes) if _takes(route, path)]
    if not matching:
        return None
    most = max(map(_own_text, matching))
    methods = {method for route in matching if _own_text(route) == most for method in route.methods or ()}
    return ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))


def _takes(route: RouteContext, path: str) -> bool:
    if not route.methods or not getattr(route, "include_in_schema", True):
        return False
    pattern: re.Pattern[str] = route.path_regex
    return pattern.match(path) is not None


def _own_text(route: RouteContext) -> int:
    return len(re.sub(r"\{[^}]+\}", "", route.path_format or ""))
