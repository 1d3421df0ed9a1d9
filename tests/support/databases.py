"""Fresh databases by the copy of a migrated one: tens of milliseconds each."""

from __future__ import annotations

import itertools
import os

import psycopg
from psycopg import sql

from windrow.dev.postgres_server import PostgresServer
from windrow.store.migrate import migrate

TEMPLATE = "windrow_template"


class Databases:
    """Makes and drops databases on one server; the first one migrates the template."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._numbers = itertools.count(1)
        self._migrated = False

    def create(self, *, migrated: bool = True) -> str:
        """The URL of a new database: with the current schema, or empty."""
        if migrated and not self._migrated:
            self._execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(TEMPLATE)))
            migrate(self._server.database_url(TEMPLATE))
            self._migrated = True
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        template = TEMPLATE if migrated else "template0"
        # By log record, not by file copy: that one asks for two checkpoints of the whole server.
        self._execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY wal_log").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
        return self._server.database_url(name)

    def drop(self, url: str) -> None:
        """Drop it, whoever is still connected."""
        name = url.rpartition("/")[2]
        self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(self._server.url, autocommit=True, connect_timeout=10) as connection:
            connection.execute(statement)
