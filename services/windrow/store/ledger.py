"""The ledger on a blocking connection: runs operations, retries what Postgres asks to run again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import psycopg
from psycopg import errors

from windrow.core.errors import LedgerUnavailable
from windrow.store.bounded import BoundedConnection
from windrow.store.op import Op, is_single

T = TypeVar("T")
P = ParamSpec("P")

#: Serialization failures and deadlocks: Postgres undid everything, the same call may succeed.
RETRYABLE = (errors.SerializationFailure, errors.DeadlockDetected)
#: Read-only: a standby, or a primary that was demoted under its clients.
UNAVAILABLE = (psycopg.OperationalError, psycopg.InterfaceError, errors.ReadOnlySqlTransaction)
MAX_TRIES = 5


def backoff(tries: int) -> float:
    """Seconds before try `tries + 1`: full jitter under 10 ms · 2^tries."""
    return random.uniform(0, 0.01 * 2**tries)


def one_line(error: BaseException) -> str:
    """What libpq says on several, for a log."""
    return " ".join(str(error).split())


class Ledger:
    """One blocking connection, opened at first use and again after it broke. Not for several threads at once.

    `prepare=False` switches server-side prepared statements off (PgBouncer in transaction mode).
    """

    def __init__(
        self,
        database_url: str,
        *,
        application_name: str = "windrow",
        prepare: bool = False,
        connect_timeout: int = 5,
        statement_timeout: float = 30.0,
    ) -> None:
        self._url = database_url
        self._name = application_name
        self._prepare = prepare
        self._connect_timeout = connect_timeout
        self._statement_timeout = statement_timeout
        self._conn: BoundedConnection | None = None

    def run(self, op: Callable[P, Op[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run one operation in one transaction.

        Raises LedgerUnavailable when Postgres does not answer; psycopg.Error for what is wrong with the data.
        """
        for tries in range(MAX_TRIES):
            try:
                conn = self._connection()
                if is_single(op):
                    return _drive(conn, op(*args, **kwargs))
                with conn.transaction():
                    return _drive(conn, op(*args, **kwargs))
            except RETRYABLE:
                if tries == MAX_TRIES - 1:
                    raise
                time.sleep(backoff(tries))
            except UNAVAILABLE as exc:
                self.close()
                raise LedgerUnavailable(one_line(exc)) from exc
        raise AssertionError("unreachable")

    def run_within(self, seconds: float, op: Callable[P, Op[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """`run` on the open connection, with `seconds` for each answer. Raises LedgerUnavailable when none is open."""
        conn = self._conn
        if conn is None or conn.closed:
            raise LedgerUnavailable("not connected")
        usual, conn.answer_timeout = conn.answer_timeout, seconds
        try:
            return self.run(op, *args, **kwargs)
        finally:
            conn.answer_timeout = usual

    def close(self) -> None:
        """Close the connection; the next `run` opens another."""
        conn, self._conn = self._conn, None
        if conn is not None:
            conn.close()

    def _connection(self) -> BoundedConnection:
        if self._conn is None or self._conn.closed:
            self._conn = connect(
                self._url, self._name, self._prepare, self._connect_timeout, self._statement_timeout
            )
        return self._conn


def connect(
    url: str, name: str, prepare: bool, connect_timeout: int, statement_timeout: float
) -> BoundedConnection:
    """Open an autocommit connection with bounded waits.

    TCP keepalives end a connection whose server is gone; a statement is ended by the server after
    `statement_timeout` seconds (unless a pooler is between), and by us a little later.
    """
    conn = BoundedConnection.connect(
        url,
        autocommit=True,
        prepare_threshold=5 if prepare else None,
        connect_timeout=connect_timeout,
        application_name=name,
        keepalives=1,
        keepalives_idle=5,
        keepalives_interval=2,
        keepalives_count=3,
        tcp_user_timeout=15_000,
    )
    conn.bound(statement_timeout)
    return conn


def has_rows(cursor: psycopg.Cursor[Any] | psycopg.AsyncCursor[Any]) -> bool:
    """Whether the statement returns rows; `cursor.description` would describe every column to say it."""
    result = cursor.pgresult
    return result is not None and result.status == psycopg.pq.ExecStatus.TUPLES_OK


def _drive(conn: psycopg.Connection, op: Op[T]) -> T:
    """Send each query of `op` and feed it the rows until it returns."""
    try:
        query = next(op)
        while True:
            cursor: psycopg.Cursor[Any] = conn.execute(query.sql, query.params or None)
            query = op.send(cursor.fetchall() if has_rows(cursor) else [])
    except StopIteration as stop:
        result: T = stop.value
        return result
