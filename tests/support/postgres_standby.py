"""A PostgreSQL that follows another one by streaming replication, until it is promoted."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from windrow.dev.guard import Guard
from windrow.dev.ports import LOOPBACK
from windrow.dev.postgres_server import INITDB_SECONDS, OWNER, PostgresServer
from windrow.dev.private import write_private


class StandbyServer(PostgresServer):
    """Starts as a copy of `primary`, which must run; has its password and its databases."""

    name = "postgres-standby"

    def __init__(
        self, folder: Path, primary: PostgresServer, *, guard: Guard, options: Mapping[str, str]
    ) -> None:
        super().__init__(folder, usual_port=0, guard=guard, options=options)
        self._primary = primary
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(folder / "password", urlsplit(primary.url).password or "")

    def promote(self, seconds: float = 30.0) -> None:
        """Make it a primary; returns once it takes writes."""
        with psycopg.connect(self.url, autocommit=True, connect_timeout=5) as connection:
            row = connection.execute("SELECT pg_promote(true, %s)", [int(seconds)]).fetchone()
        assert row is not None
        assert row[0], self.tail()

    def cut(self) -> None:
        """Take in nothing more of what the primary writes."""
        with psycopg.connect(self.url, autocommit=True, connect_timeout=5) as connection:
            connection.execute("ALTER SYSTEM SET primary_conninfo = ''")
            connection.execute("SELECT pg_reload_conf()")

    def _initdb(self) -> None:
        take_backup(self._primary, self._data, self._programs, follow=True)
        self._account.own(self._data)


def take_backup(server: PostgresServer, folder: Path, programs: Path, *, follow: bool = False) -> None:
    """A copy of the running server's data; with `follow` it will follow the server once it is started."""
    parts = urlsplit(server.url)
    subprocess.run(
        [
            programs / "pg_basebackup",
            f"--host={LOOPBACK}",
            f"--port={parts.port}",
            f"--username={OWNER}",
            f"--pgdata={folder}",
            "--checkpoint=fast",
            "--wal-method=stream",
            "--no-sync",
            *(["--write-recovery-conf"] if follow else []),
        ],
        check=True,
        capture_output=True,
        timeout=INITDB_SECONDS,
        env={**os.environ, "PGPASSWORD": parts.password or ""},
    )
