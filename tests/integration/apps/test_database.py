"""The apps' shared way to PostgreSQL: what is committed, what a snapshot sees, and what an absent server costs."""

from __future__ import annotations

import asyncio
import socket

import psycopg
import pytest

from tests.support.pgbouncer_server import PgBouncerServer
from windrow.apps import LedgerUnavailable
from windrow_apps.shared.database import Database, DatabaseSettings, transaction


def settings_of(url: str, **changes: float) -> DatabaseSettings:
    return DatabaseSettings.model_validate({"WINDROW_DATABASE_URL": url, **changes})


async def undone(database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute("INSERT INTO seen VALUES (1)")
        raise ZeroDivisionError


def test_a_transaction_is_all_or_nothing_and_a_snapshot_sees_one_moment(database_url: str) -> None:
    settings = settings_of(database_url)

    async def story() -> list[int]:
        database = Database(settings, "tests")
        async with database.opened():
            async with database.transaction() as connection:
                await connection.execute("CREATE TABLE seen (n int)")
            with pytest.raises(ZeroDivisionError):
                await undone(database)
            counts = []
            async with database.transaction(snapshot=True) as connection:
                for _ in range(2):
                    cursor = await connection.execute("SELECT count(*) AS n FROM seen")
                    counts.append((await cursor.fetchone())["n"])  # type: ignore[index]
                    with transaction(settings, "tests") as other:
                        other.execute("INSERT INTO seen VALUES (2)")
            async with database.connection() as connection:
                cursor = await connection.execute("SELECT count(*) AS n FROM seen")
                return [*counts, (await cursor.fetchone())["n"]]  # type: ignore[index]

    assert asyncio.run(story()) == [0, 0, 2]


def test_a_slow_statement_ends(database_url: str) -> None:
    with (
        pytest.raises(psycopg.errors.QueryCanceled),
        transaction(settings_of(database_url, task_statement_seconds=0.2), "tests") as connection,
    ):
        connection.execute("SELECT pg_sleep(30)")


def test_a_server_that_is_away_is_the_platforms_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    settings = settings_of(f"postgresql://u:secret@127.0.0.1:{port}/d", acquire_seconds=0.2)

    async def ask() -> None:
        database = Database(settings, "tests")
        async with database.opened(), database.connection():
            pass

    with pytest.raises(LedgerUnavailable):
        asyncio.run(ask())


def test_both_work_through_pgbouncer_in_transaction_mode(
    database_url: str, pgbouncer: PgBouncerServer
) -> None:
    settings = settings_of(pgbouncer.through(database_url))
    with transaction(settings, "tests", snapshot=True) as connection:
        assert connection.execute("SELECT 1 AS n").fetchone() == {"n": 1}

    async def ask() -> object:
        database = Database(settings, "tests")
        async with database.opened(), database.transaction(snapshot=True) as connection:
            return await (await connection.execute("SELECT 1 AS n")).fetchone()

    assert asyncio.run(ask()) == {"n": 1}
