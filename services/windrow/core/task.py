"""A task as a release declares it in the catalog."""

from __future__ import annotations

from typing import NamedTuple


class Task(NamedTuple):
    """A named function that a worker knows, and the defaults for its jobs."""

    name: str
    queue: str
    #: JSON Schema of the keyword arguments, properties in the signature's order; None: any JSON.
    input_schema: str | None = None
    summary: str | None = None
    max_attempts: int = 3
    #: JSON of the back-off between failed attempts `{"base", "factor", "cap"}` in seconds; None: exceptions are final.
    retry: str | None = None
    #: Seconds; None: the pool's.
    hard_limit: float | None = None
    soft_limit: float | None = None
    priority: int = 0
