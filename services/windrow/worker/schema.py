"""A task's signature as JSON Schema for the catalog: from its type hints, through pydantic."""

from __future__ import annotations

import inspect
import json
import typing
import warnings
from typing import Any

from pydantic import ConfigDict, Field, create_model
from pydantic.errors import PydanticUserError


def schema_of(task: Any) -> str | None:
    """JSON Schema of `task`'s keyword arguments, properties in the signature's order; None: any JSON.

    A parameter without a hint takes any JSON; without a single hint, or with one that has no schema, the whole
    task does.
    """
    run = task.run
    try:
        parameters = list(inspect.signature(run).parameters.values())
        hints = typing.get_type_hints(inspect.unwrap(getattr(run, "__func__", run)), include_extras=True)
    except Exception:
        # Hints may name what only type checkers import.
        return None
    if not any(parameter.name in hints for parameter in parameters):
        return None
    fields: dict[str, Any] = {}
    extra = "forbid"
    for parameter in parameters:
        if parameter.kind is parameter.VAR_POSITIONAL:
            continue
        if parameter.kind is parameter.VAR_KEYWORD:
            extra = "allow"
            continue
        if parameter.kind is parameter.POSITIONAL_ONLY:
            return None
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[f"p{len(fields)}"] = (hints.get(parameter.name, Any), Field(default, alias=parameter.name))
    return _schema(task.name, fields, extra)


def _schema(name: str, fields: dict[str, Any], extra: str) -> str | None:
    config = ConfigDict(extra=extra, arbitrary_types_allowed=False, protected_namespaces=())  # type: ignore[typeddict-item]
    try:
        with warnings.catch_warnings():
            # A default that is not JSON is only left out.
            warnings.simplefilter("ignore")
            model: Any = create_model("Input", __config__=config, **fields)
            schema = model.model_json_schema(by_alias=True)
        schema["title"] = name
        return json.dumps(schema)
    except (PydanticUserError, TypeError, ValueError, NameError, RecursionError):
        return None


def summary_of(task: Any) -> str | None:
    """The first line of the task's docstring."""
    text = inspect.getdoc(task.run) or ""
    return text.strip().partition("\n")[0].strip() or None
