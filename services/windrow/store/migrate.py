"""Bring a database's schema up to this release, once, however many start at the same time."""

from __future__ import annotations

from importlib import resources

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, make_url
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

    `database_url` is libpq's `postgresql://…`. Raises sqlalchemy.exc.OperationalError when no server answers.
    """
    url = make_url(database_url).set(drivername="postgresql+psycopg")
    engine = create_engine(
        url,
        poolclass=NullPool,
        connect_args={"connect_timeout": connect_timeout, "prepare_threshold": None},
    )
    with engine.begin() as connection:
        # A role's own limit is for the statements of jobs: a new index may take longer.
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        connection.exec_driver_sql("CREATE SCHEMA IF NOT EXISTS windrow")
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return head()
