"""Bring a database's schema up to this release, once, however many start at the same time."""

from __future__ import annotations

from importlib import resources

import psycopg
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import NullPool

from windrow.store.schema import head, is_newer

#: Any constant of our own; held for the length of the migration's transaction.
_LOCK = 0x57494E44524F57


def migrate(database_url: str, connect_timeout: int = 10) -> str:
    """Apply what is missing in one transaction and return the revision reached.

    The schema of a newer release stays as it is: a release only adds to it, so that a rollback can run on it.
    `database_url` is libpq's `postgresql://…`, with several hosts if need be. Raises
    sqlalchemy.exc.OperationalError when no server answers.
    """
    engine = create_engine(
        "postgresql+psycopg://",
        poolclass=NullPool,
        # By libpq itself: SQLAlchemy's own reader knows no address of two hosts.
        creator=lambda: psycopg.connect(
            database_url, connect_timeout=connect_timeout, prepare_threshold=None
        ),
    )
    with engine.begin() as connection:
        # A role's own limit is for the statements of jobs: a new index may take longer.
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        found = _revision(connection)
        if is_newer(found):
            return found
        connection.exec_driver_sql("CREATE SCHEMA IF NOT EXISTS windrow")
        config = Config()
        config.set_main_option("script_location", str(resources.files("windrow.store.migrations")))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return head()


def _revision(connection: Connection) -> str:
    """The schema's revision; empty for a database without one."""
    if connection.exec_driver_sql("SELECT to_regclass('windrow.revision')").scalar() is None:
        return ""
    return str(connection.exec_driver_sql("SELECT version_num FROM windrow.revision").scalar() or "")
