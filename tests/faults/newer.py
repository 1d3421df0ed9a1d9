"""The next release of the team's app: a task more."""

from __future__ import annotations

from typing import Any

from tests.faults.app import app, note

__all__ = ["app"]


@app.task(name="faults.fresh", bind=True)
def fresh(self: Any, x: int) -> int:
    note(self)
    return x
