"""Bring a database's schema up to this release, once, however many start at the same time."""

from __future__ import annotations

from importlib import resources

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, make_url
from sqlalchemy.pool import NullPool

#: Any constant of our own; held for the length of the migration's transaction.
_LOCK = 0x57494E44524F57


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(resources.files("windrow.store.migrations")))
    return config


def head() -> str:
    """The newest revision of this release."""
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


def migrate(database_url: str, connect_timeout: int = 10) -> str:
    """Apply what is missing in one transaction and return the revision reached.

    The schema of a newer release stays as it is: a release only adds to it, so that a rollback can run on it.
    `database_url` is libpq's `postgresql://…`. Raises sqlalchemy.exc.OperationalError when no server answers.
    """
    with _engine(database_url, connect_timeout).begin() as connection:
        # A role's own limit is for the statements of jobs: a new index may take longer.
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        found = _revision(connection)
        if _is_newer(found):
            return found
        connection.exec_driver_sql("CREATE SCHEMA IF NOT EXISTS windrow")
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return head()


def is_current(database_url: str, connect_timeout: int = 10) -> bool:
    """Whether this release can run on the schema as it is: it is this release's, or a newer one's.

    Changes nothing. Raises sqlalchemy.exc.OperationalError when no server answers.
    """
    with _engine(database_url, connect_timeout).begin() as connection:
        found = _revision(connection)
    return found == head() or _is_newer(found)


def _engine(database_url: str, connect_timeout: int) -> Engine:
    return create_engine(
        make_url(database_url).set(drivername="postgresql+psycopg"),
        poolclass=NullPool,
        connect_args={"connect_timeout": connect_timeout, "prepare_threshold": None},
    )


def _revision(connection: Connection) -> str:
    """The schema's revision; empty for a database without one."""
    if connection.exec_driver_sql("SELECT to_regclass('windrow.revision')").scalar() is None:
        return ""
    return str(connection.exec_driver_sql("SELECT version_num FROM windrow.revision").scalar() or "")


def _is_newer(revision: str) -> bool:
    """Whether no revision of this release has that name: then a later one brought it."""
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    return bool(revision) and revision not in known
