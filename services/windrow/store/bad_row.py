"""Telling a row that Postgres refuses from a Postgres that is away."""

from __future__ import annotations

import psycopg


def is_bad_row(exc: BaseException) -> bool:
    """Whether `exc` is about the data of one row: halve the batch until that row stands alone."""
    # Python raises the second one itself, for half a surrogate pair, before anything is sent.
    return isinstance(exc, (psycopg.Error, UnicodeEncodeError)) and not isinstance(
        exc, (psycopg.OperationalError, psycopg.InterfaceError)
    )


def refusal(exc: BaseException) -> str | None:
    """Why Postgres cannot keep a value, in its words; None when the fault is ours."""
    if isinstance(exc, (psycopg.DataError, psycopg.IntegrityError)):
        return exc.diag.message_primary or str(exc)
    return "it holds half of a surrogate pair" if isinstance(exc, UnicodeEncodeError) else None
