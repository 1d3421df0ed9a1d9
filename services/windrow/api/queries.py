"""Query parameters that a route does not take, or takes once: told, not passed over in silence."""

from __future__ import annotations

import difflib
import typing
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from windrow.api.flaws import MAX_FLAWS
from windrow.api.problems import Flaw, Problem, invalid

#: What is shown of a name that somebody made up.
MAX_NAME_CHARACTERS = 80


class QueryCheck:
    """A dependency of every route that reads its query: raises the 422 problem that names the parameter.

    An old client's parameter, or a misspelt filter, would otherwise be an answer to another question.
    """

    def __init__(self) -> None:
        self._known: dict[int, dict[str, bool]] = {}

    async def __call__(self, request: Request) -> None:
        if not request.scope["query_string"]:
            return
        route = request.scope.get("route")
        # Hidden routes only refuse; their words are about something else.
        if isinstance(route, APIRoute) and route.include_in_schema:
            known = self._known.get(id(route))
            if known is None:
                known = self._known[id(route)] = dict(_parameters(route.dependant))
            if flaws := flaws_of(request.query_params.multi_items(), known):
                raise invalid(flaws)


def flaws_of(items: Iterable[tuple[str, str]], known: Mapping[str, bool]) -> list[Flaw]:
    """What is wrong with a query's (name, value) pairs; `known` says of each name whether it may be repeated."""
    flaws = []
    for name, times in Counter(name for name, _ in items).items():
        shown = name[:MAX_NAME_CHARACTERS]
        if name not in known:
            message = f"There is no query parameter {shown!r} here"
            flaws.append(Flaw(f"?{shown}", message, _instead(shown, known)))
        elif times > 1 and not known[name]:
            flaws.append(Flaw(f"?{shown}", f"It is given {times} times", "Give it once"))
    return flaws[:MAX_FLAWS]


def refused(query: bytes) -> Problem:
    """The problem of a query where none is taken."""
    name = query.decode("latin-1").partition("&")[0].partition("=")[0]
    return invalid(flaws_of([(name, "")], {}))


def _instead(name: str, known: Mapping[str, bool]) -> str:
    near = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.6)
    if near:
        return f"Did you mean {' or '.join(f'`{one}`' for one in near)}?"
    if not known:
        return "Remove it: this path takes none"
    return f"Remove it: this path takes {', '.join(f'`{one}`' for one in known)}"


def _parameters(dependant: Dependant) -> Iterator[tuple[str, bool]]:
    """(name, whether it may be repeated) of each parameter of a route and of what it depends on."""
    for field in dependant.query_params:
        annotation = field.field_info.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            for name, one in annotation.model_fields.items():
                yield one.alias or name, _repeatable(one)
        else:
            yield field.alias, _repeatable(field.field_info)
    for needed in dependant.dependencies:
        yield from _parameters(needed)


def _repeatable(field: FieldInfo) -> bool:
    return any(_is_list(one) for one in (field.annotation, *typing.get_args(field.annotation)))


def _is_list(annotation: Any) -> bool:
    return (typing.get_origin(annotation) or annotation) in (list, tuple, set, frozenset)
