"""An operation: SQL statements as a generator, so that one text serves sync and async connections.

An operation yields `Query` values and receives the rows of each; what it returns is its result. It does
no I/O itself: `ledger.py` drives it on a blocking connection, `async_ledger.py` on an asyncio one.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")
Row = tuple[Any, ...]


class Query(NamedTuple):
    """One statement with its parameters, in psycopg's `%(name)s` style."""

    sql: str
    params: Mapping[str, Any] = MappingProxyType({})


Op = Generator[Query, Sequence[Row], T]

_SINGLE = "_windrow_single_statement"


def single(op: Callable[..., Op[T]]) -> Callable[..., Op[T]]:
    """Mark an operation of exactly one statement: it needs no BEGIN and COMMIT around it."""
    setattr(op, _SINGLE, True)
    return op


def is_single(op: Callable[..., Op[Any]]) -> bool:
    """Whether `op` was marked by `single`."""
    return getattr(op, _SINGLE, False)
