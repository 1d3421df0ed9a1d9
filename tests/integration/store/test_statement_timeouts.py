"""Statements end, and nobody else's do because of ours."""

from __future__ import annotations

import asyncio
import threading
import time

import psycopg
import pytest

from tests.support.databases import Databases
from tests.support.pgbouncer_server import PgBouncerServer
from windrow.core.errors import LedgerUnavailable
from windrow.store import migrate
from windrow.store.async_ledger import AsyncLedger
from windrow.store.ledger import Ledger
from windrow.store.op import Op, Query, single
from windrow.store.schema import head


@single
def timeout() -> Op[str]:
    """The session's statement_timeout."""
    rows = yield Query("SHOW statement_timeout")
    return str(rows[0][0])


@single
def sleep(seconds: float) -> Op[None]:
    """A statement that takes that long."""
    yield Query("SELECT pg_sleep(%(seconds)s)", {"seconds": seconds})


def by_both(url: str) -> tuple[str, str]:
    """What a blocking and an asyncio ledger with limits of their own have set."""
    ledger = Ledger(url, statement_timeout=7)
    blocking = ledger.run(timeout)
    ledger.close()

    async def main() -> str:
        other = AsyncLedger(url, statement_timeout=9)
        await other.open()
        found = await other.run(timeout)
        await other.close()
        return found

    return blocking, asyncio.run(main())


def test_a_session_of_our_own_has_a_limit(database_url: str) -> None:
    assert by_both(database_url) == ("7s", "9s")


def test_behind_a_pooler_nobody_gets_a_limit_of_ours(pgbouncer: PgBouncerServer, database_url: str) -> None:
    url = pgbouncer.through(database_url)
    assert by_both(url) == ("0", "0")
    with psycopg.connect(url) as stranger:
        assert stranger.execute("SHOW statement_timeout").fetchone() == ("0",)


def test_behind_a_pooler_a_statement_without_end_still_ends_for_us(
    pgbouncer: PgBouncerServer, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("windrow.store.bounded.GRACE_SECONDS", 0.1)
    ledger = Ledger(pgbouncer.through(database_url), statement_timeout=0.2)
    with pytest.raises(LedgerUnavailable, match="no answer from Postgres"):
        ledger.run(sleep, 30.0)
    assert ledger.run(timeout) == "0"
    ledger.close()


def test_behind_a_pooler_the_roles_own_limit_holds(pgbouncer: PgBouncerServer, database_url: str) -> None:
    name = database_url.rsplit("/", 1)[1]
    with psycopg.connect(database_url, autocommit=True) as admin:
        admin.execute(f'ALTER DATABASE "{name}" SET statement_timeout = 200')
    ledger = Ledger(pgbouncer.through(database_url))
    with pytest.raises(LedgerUnavailable, match="statement timeout"):
        ledger.run(sleep, 30.0)
    ledger.close()


def test_a_migration_is_bound_by_no_limit(databases: Databases) -> None:
    url = databases.create(migrated=False)
    name = url.rsplit("/", 1)[1]
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(f'ALTER DATABASE "{name}" SET statement_timeout = 100')
    with psycopg.connect(url) as holder, psycopg.connect(url, autocommit=True) as watcher:
        holder.execute("SELECT pg_advisory_xact_lock(%s)", (migrate._LOCK,))
        reached: list[str] = []
        migration = threading.Thread(target=lambda: reached.append(migrate.migrate(url)))
        migration.start()
        waits = (
            "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND now() - query_start > '0.3 s'"
        )
        deadline = time.monotonic() + 20
        while migration.is_alive() and not watcher.execute(waits).fetchone() and time.monotonic() < deadline:
            time.sleep(0.02)
        holder.rollback()
        migration.join(30)
    assert reached == [head()]
    databases.drop(url)
