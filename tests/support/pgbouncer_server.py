"""A real PgBouncer in transaction mode before the tests' PostgreSQL."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

from windrow.dev.errors import NotInstalled
from windrow.dev.guard import Guard
from windrow.dev.ports import LOOPBACK
from windrow.dev.postgres_server import PostgresServer
from windrow.dev.postgres_user import Account
from windrow.dev.server import Server


class PgBouncerServer(Server):
    """Passes every database of `upstream` on, one server connection a transaction."""

    name = "pgbouncer"

    def __init__(self, folder: Path, upstream: PostgresServer, *, guard: Guard | None = None) -> None:
        super().__init__(folder, guard=guard)
        self._upstream = upstream
        self._account = Account()

    @property
    def url(self) -> str:
        """The address of the database `windrow` through it."""
        return self.through(self._upstream.url)

    def through(self, database_url: str) -> str:
        """The address of one of upstream's databases through PgBouncer."""
        return self._at(self.port, database_url)

    def _at(self, port: int, database_url: str) -> str:
        parts = urlsplit(database_url)
        return urlunsplit(parts._replace(netloc=f"{parts.username}:{parts.password}@{LOOPBACK}:{port}"))

    def _prepare(self) -> None:
        program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
        if program is None:
            raise NotInstalled("No PgBouncer here: apt-get install pgbouncer (or brew install pgbouncer).")
        self._program = program

    def _command(self, port: int) -> Sequence[str | Path]:
        parts = urlsplit(self._upstream.url)
        users = self.folder / "users.txt"
        users.write_text(f'"{parts.username}" "{parts.password}"\n')
        config = self.folder / "pgbouncer.ini"
        config.write_text(
            f"""[databases]
* = host={LOOPBACK} port={parts.port}
[pgbouncer]
listen_addr = {LOOPBACK}
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {users}
pool_mode = transaction
max_client_conn = 500
default_pool_size = 5
server_login_retry = 1
ignore_startup_parameters = extra_float_digits
"""
        )
        self._account.own(self.folder)
        return [self._program, config]

    def _answers(self, port: int) -> bool:
        try:
            psycopg.connect(self._at(port, self._upstream.url), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _popen_options(self) -> dict[str, object]:
        return {"cwd": self.folder, **self._account.popen_options()}
