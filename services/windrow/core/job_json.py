"""A job to insert later, as JSON text: how a chord's body waits in the ledger."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from typing import Any

from windrow.core.job import NewJob

_DATES = ("run_at", "expires_at")
_DEFAULTS = {f.name: f.default for f in fields(NewJob)}


def to_dict(job: NewJob) -> dict[str, Any]:
    """`job` as JSON-ready values."""
    out: dict[str, Any] = {}
    for name, default in _DEFAULTS.items():
        value = getattr(job, name)
        if value != default:
            out[name] = value.isoformat() if isinstance(value, datetime) else value
    return out


def from_dict(item: dict[str, Any]) -> NewJob:
    """The reverse of `to_dict`; unknown keys are a newer release's and are refused by NewJob."""
    values = dict(item)
    for name in _DATES:
        if values.get(name):
            values[name] = datetime.fromisoformat(values[name])
    if "tags" in values:
        values["tags"] = tuple(values["tags"])
    return NewJob(**values)
