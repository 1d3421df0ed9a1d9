"""Telling a row that Postgres refuses from a Postgres that is away, or not as this release needs it."""

from __future__ import annotations

import psycopg
from psycopg import errors


def is_bad_row(exc: BaseException) -> bool:
    """Whether `exc` is about the data of one row: halve the batch until that row stands alone."""
    # Python raises the second one itself, for half a surrogate pair, before anything is sent.
    if is_schema_missing(exc):
        return False
    return isinstance(exc, (psycopg.Error, UnicodeEncodeError)) and not isinstance(
        exc, (psycopg.OperationalError, psycopg.InterfaceError)
    )


def refusal(exc: BaseException) -> str | None:
    """Why Postgres cannot keep a value, in its words; None when the fault is ours."""
    if isinstance(exc, (psycopg.DataError, psycopg.IntegrityError)):
        return exc.diag.message_primary or str(exc)
    return "it holds half of a surrogate pair" if isinstance(exc, UnicodeEncodeError) else None


def is_schema_missing(exc: BaseException) -> bool:
    """Whether the schema is not, or not yet, the one of this release."""
    return isinstance(
        exc,
        (
            errors.UndefinedTable,
            errors.UndefinedColumn,
            errors.UndefinedFunction,
            errors.UndefinedObject,
            errors.InvalidSchemaName,
        ),
    )
