"""Fixtures on real servers: Redis, PostgreSQL, PgBouncer, a fresh database, and processes of our own."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.support.databases import Databases
from tests.support.pgbouncer_server import PgBouncerServer
from tests.support.processes import Doors
from tests.support.rabbit import Management
from tests.support.require import missing
from windrow.dev.errors import NotInstalled
from windrow.dev.guard import Guard
from windrow.dev.postgres_server import PostgresServer
from windrow.dev.rabbit_server import RabbitServer
from windrow.dev.redis_program import bundled_redis
from windrow.dev.redis_server import RedisServer

_NUMBERS = itertools.count(1)
#: A killed process loses nothing to these: only a machine that loses power would.
TEST_POSTGRES = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "on",
    "shared_buffers": "64MB",
}


@pytest.fixture(scope="session")
def guard() -> Iterator[Guard]:
    """Ends the servers and processes of a test run that was killed."""
    guard = Guard()
    yield guard
    guard.close()


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory, guard: Guard) -> Iterator[RedisServer]:
    """A Redis for the whole run, with WINDROW_TEST_REDIS=bundled the oldest we support.

    A test that kills it starts it again.
    """
    program = bundled_redis() if os.environ.get("WINDROW_TEST_REDIS") == "bundled" else None
    server = RedisServer(tmp_path_factory.mktemp("redis"), usual_port=0, guard=guard, program=program)
    try:
        server.start()
    except NotInstalled as error:
        missing(str(error))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def rabbit_server(tmp_path_factory: pytest.TempPathFactory, guard: Guard) -> Iterator[RabbitServer]:
    """A RabbitMQ for the whole run: it takes some 10 s to start, so its tests empty it instead."""
    server = RabbitServer(tmp_path_factory.mktemp("rabbit"), usual_port=0, usual_web_port=0, guard=guard)
    try:
        server.start()
    except NotInstalled as error:
        missing(str(error))
    yield server
    server.stop()


@pytest.fixture
def rabbit(rabbit_server: RabbitServer) -> Iterator[Management]:
    """A virtual host for this test alone."""
    pages = Management(rabbit_server, f"t{next(_NUMBERS)}")
    pages.make()
    yield pages
    pages.drop()


@pytest.fixture
def amqp_url(rabbit: Management) -> str:
    """Its address: an empty RabbitMQ."""
    return rabbit.url


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory, guard: Guard) -> Iterator[PostgresServer]:
    """A PostgreSQL for the whole run, with WINDROW_TEST_POSTGRES=/usr/lib/postgresql/15/bin of that version.

    A test that kills it starts it again.
    """
    folder = os.environ.get("WINDROW_TEST_POSTGRES")
    server = PostgresServer(
        tmp_path_factory.mktemp("postgres"),
        usual_port=0,
        guard=guard,
        options=TEST_POSTGRES,
        programs=Path(folder) if folder else None,
    )
    try:
        server.start()
    except NotInstalled as error:
        missing(str(error))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def databases(postgres_server: PostgresServer) -> Databases:
    """Makes databases; `create(migrated=False)` for an empty one."""
    return Databases(postgres_server)


@pytest.fixture
def database_url(databases: Databases) -> Iterator[str]:
    """A migrated database for this test alone."""
    url = databases.create()
    yield url
    databases.drop(url)


@pytest.fixture(scope="module")
def module_database_url(databases: Databases) -> Iterator[str]:
    """A migrated database that the tests of one module share."""
    url = databases.create()
    yield url
    databases.drop(url)


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """An empty Redis."""
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
    return redis_server.url


@pytest.fixture(scope="session")
def pgbouncer(
    postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory, guard: Guard
) -> Iterator[PgBouncerServer]:
    """PgBouncer in transaction mode: `pgbouncer.through(database_url)`."""
    server = PgBouncerServer(tmp_path_factory.mktemp("pgbouncer"), postgres_server, guard=guard)
    try:
        server.start()
    except NotInstalled as error:
        missing(str(error))
    yield server
    server.stop()


@pytest.fixture
def doors(database_url: str, redis_url: str, guard: Guard, tmp_path: Path) -> Iterator[Doors]:
    """`doors.start("worker", "--queues", "a")`: real processes on this test's database and Redis."""
    doors = Doors(
        guard, {"WINDROW_DATABASE_URL": database_url, "WINDROW_REDIS_URL": redis_url, "TMPDIR": str(tmp_path)}
    )
    yield doors
    doors.close()
