"""One address for two servers, and a connection that leads to one which takes writes no more."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.support.databases import Databases
from windrow.core.errors import LedgerUnavailable
from windrow.core.job import NewJob
from windrow.dev.ports import free_port
from windrow.store.accept import accept
from windrow.store.async_ledger import AsyncLedger
from windrow.store.migrate import migrate
from windrow.store.schema import head, is_current


def test_migrations_and_their_check_take_an_address_of_two_hosts(databases: Databases) -> None:
    url = databases.create(migrated=False)
    parts = urlsplit(url)
    login, _, host = parts.netloc.rpartition("@")
    # The first one is down.
    both = f"postgresql://{login}@127.0.0.1:{free_port()},{host}{parts.path}?target_session_attrs=read-write"
    assert migrate(both) == head()
    assert is_current(both)
    databases.drop(url)


def test_a_pool_leaves_a_server_that_has_turned_read_only(database_url: str) -> None:
    name = database_url.rpartition("/")[2]

    def turn(word: str) -> None:
        with psycopg.connect(
            database_url, autocommit=True, options="-c default_transaction_read_only=off"
        ) as sql:
            sql.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = {word}'.encode())

    async def use() -> None:
        ledger = AsyncLedger(database_url, size=1)
        turn("on")
        await ledger.open()
        with pytest.raises(LedgerUnavailable):
            await ledger.run(accept, [NewJob("a", "t", "q")])
        turn("off")
        # Its old connection would say the same for ever.
        (kept,) = await ledger.run(accept, [NewJob("a", "t", "q")])
        assert kept.inserted
        await ledger.close()

    asyncio.run(use())
