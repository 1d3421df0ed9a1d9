"""Check a job's input against its task's JSON Schema, compiled once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import jsonschema_rs

from windrow.api.flaws import MAX_FLAWS, cut, pointer
from windrow.api.problems import Flaw


class InputCheck:
    """The schema of a task's keyword arguments; positional ones take their names in the order of its properties.

    A schema that cannot be compiled checks nothing: the task itself still sees every input.
    """

    def __init__(self, schema: str) -> None:
        document = json.loads(schema)
        self._names: list[str] = list(document.get("properties", {})) if isinstance(document, dict) else []
        self._closed = isinstance(document, dict) and document.get("additionalProperties") is False
        #: Parameters that are integers and nothing else.
        self._integers = [name for name in self._names if _is_integer(document["properties"][name])]
        try:
            self._validator = jsonschema_rs.validator_for(document)
        except (ValueError, jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError):
            self._validator = jsonschema_rs.validator_for(True)

    def flaws(self, args: Sequence[Any], kwargs: Mapping[str, Any], single: bool = False) -> list[Flaw]:
        """What is wrong with an input; nothing, most of the time. `single`: the input was one bare value."""
        if not args:
            # The way of nearly every job.
            return [] if self._validator.is_valid(kwargs) else self._explain(kwargs, {}, single)
        if len(args) > len(self._names):
            if self._closed:
                fix = f"Its arguments are {', '.join(self._names) or 'none'}"
                return [Flaw("/input", f"The task takes at most {len(self._names)} arguments", fix)]
            return []
        bound = dict(zip(self._names, args, strict=False))
        places = {name: index for index, name in enumerate(bound)}
        return self._explain({**kwargs, **bound}, places, single)

    def exact(
        self, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> tuple[Sequence[Any], Mapping[str, Any]]:
        """A checked input with `1.0` as `1` where the task wants an integer: JSON Schema takes both, `range` one."""
        wrong = [name for name in self._integers if _is_whole(kwargs.get(name))]
        if wrong:
            kwargs = {**kwargs, **{name: int(kwargs[name]) for name in wrong}}
        if any(map(_is_whole, args)):
            named = zip(args, [*self._names, *[""] * len(args)], strict=False)
            args = [
                int(value) if name in self._integers and _is_whole(value) else value for value, name in named
            ]
        return args, kwargs

    def _explain(self, values: Mapping[str, Any], places: Mapping[str, int], single: bool) -> list[Flaw]:
        found = []
        for error in islice(self._validator.iter_errors(values), MAX_FLAWS):
            path: list[Any] = list(error.instance_path)
            if path and path[0] in places:
                path = path[1:] if single else [places[path[0]], *path[1:]]
            found.append(
                Flaw(pointer(["input", *path]), cut(error.message), "GET /v1/tasks shows the task's schema")
            )
        return found


def _is_integer(schema: Any) -> bool:
    return isinstance(schema, dict) and schema.get("type") == "integer"


def _is_whole(value: Any) -> bool:
    return type(value) is float and value.is_integer()
