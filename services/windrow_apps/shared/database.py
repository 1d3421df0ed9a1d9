"""The apps' way to their tables: a pool for routes, and a connection for each transaction of a task."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

import psycopg
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from windrow.apps import LedgerUnavailable
from windrow.public import AsyncBoundedConnection, BoundedConnection
from windrow_apps.shared.ops import Op, run_on, run_on_async

T = TypeVar("T")

CLOSE_SECONDS = 2.0
#: All statements of the transaction see the same moment.
_SNAPSHOT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"


class DatabaseSettings(BaseSettings):
    """Where the apps' tables are, and how long they may take.

    Each field is read from `WINDROW_APP_<NAME>`, `database_url` from `WINDROW_DATABASE_URL`.
    """

    model_config = SettingsConfigDict(
        env_prefix="WINDROW_APP_", frozen=True, extra="ignore", populate_by_name=True
    )

    #: libpq connection URL; secret, because it usually carries a password.
    database_url: SecretStr = Field(default=SecretStr(""), validation_alias="WINDROW_DATABASE_URL")
    #: Connections of one app in one API process, at most. An idle app has none.
    connections: int = Field(default=4, ge=1, le=100)
    #: Seconds to open a connection.
    connect_seconds: float = Field(default=3, gt=0, le=60)
    #: Seconds that a request waits for a connection before its 503.
    acquire_seconds: float = Field(default=3, gt=0, le=60)
    #: Seconds of one SQL statement of a route.
    statement_seconds: float = Field(default=10, gt=0, le=300)
    #: Seconds of one SQL statement of a task.
    task_statement_seconds: float = Field(default=30, gt=0, le=300)


def database_settings() -> DatabaseSettings:
    """Read the settings now; for entry points: a task's body and a router's factory."""
    return DatabaseSettings()


class Database:
    """Connections for the routes of one app, from a pool that lives while `opened` does.

    Raises LedgerUnavailable when nobody answers in time, and psycopg's errors for all else; the API's door turns each
    into its problem.
    """

    def __init__(self, settings: DatabaseSettings, app: str) -> None:
        """`app` names the connections in PostgreSQL's views. Connects to nothing yet."""
        self._seconds = settings.statement_seconds
        self._pool: AsyncConnectionPool[AsyncBoundedConnection] = AsyncConnectionPool(
            settings.database_url.get_secret_value(),
            connection_class=AsyncBoundedConnection,
            min_size=0,
            max_size=settings.connections,
            open=False,
            timeout=settings.acquire_seconds,
            configure=self._configure,
            kwargs=_options(settings, app) | {"autocommit": True},
        )

    async def _configure(self, connection: AsyncBoundedConnection) -> None:
        await connection.bound(self._seconds)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """For a router's lifespan; does not wait for PostgreSQL."""
        await self._pool.open(wait=False)
        try:
            yield
        finally:
            await self._pool.close(timeout=CLOSE_SECONDS)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        """A connection with rows as dicts, on which each statement commits by itself."""
        try:
            async with self._pool.connection() as connection:
                yield connection
        except PoolTimeout as exc:
            raise LedgerUnavailable("no connection in time") from exc
        except (psycopg.OperationalError, psycopg.InterfaceError) as exc:
            # With a code it is the server's word (a deadlock, say); without one nobody spoke.
            if exc.sqlstate is None:
                raise LedgerUnavailable(str(exc).strip()) from exc
            raise

    @asynccontextmanager
    async def transaction(self, *, snapshot: bool = False) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        """One transaction, committed at the end; with `snapshot` all its statements see the same moment."""
        async with self.connection() as connection, connection.transaction():
            if snapshot:
                await connection.execute(_SNAPSHOT)
            yield connection

    async def run(self, op: Op[T], *, snapshot: bool = False) -> T:
        """Run an operation in a transaction of its own."""
        async with self.transaction(snapshot=snapshot) as connection:
            return await run_on_async(connection, op)

    async def run_single(self, op: Op[T]) -> T:
        """Run an operation of one statement: a round trip instead of three."""
        async with self.connection() as connection:
            return await run_on_async(connection, op)


def run(settings: DatabaseSettings, app: str, op: Op[T]) -> T:
    """Run an operation of a task in a transaction of its own, as `transaction`."""
    with transaction(settings, app) as connection:
        return run_on(connection, op)


@contextmanager
def transaction(
    settings: DatabaseSettings, app: str, *, snapshot: bool = False
) -> Iterator[psycopg.Connection[Any]]:
    """One transaction of a task on a connection of its own, with rows as dicts; committed at the end.

    Opened anew each time: what lies between two transactions of a task may take far longer than to connect. Raises
    psycopg's OperationalError when nobody answers.
    """
    url = settings.database_url.get_secret_value()
    with BoundedConnection.connect(url, **_options(settings, app)) as connection:
        connection.bound(settings.task_statement_seconds)
        connection.commit()
        if snapshot:
            connection.execute(_SNAPSHOT)
        yield connection


def _options(settings: DatabaseSettings, app: str) -> dict[str, Any]:
    return {
        "row_factory": dict_row,
        "connect_timeout": max(2, round(settings.connect_seconds)),
        "application_name": f"windrow-app-{app}",
        # PgBouncer in transaction mode may put the next transaction on another server.
        "prepare_threshold": None,
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "tcp_user_timeout": 15_000,
    }
