"""Indexes for what reads history."""

from importlib import resources
from typing import Any

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create everything in 0004_history_indexes.sql, in the transaction of `windrow.store.migrate`."""
    sql = (
        resources.files("windrow.store.migrations.versions")
        .joinpath("0004_history_indexes.sql")
        .read_text("utf-8")
    )
    # Without parameters psycopg sends the text as it is, many statements in one.
    connection: Any = op.get_bind().connection.driver_connection
    connection.execute(sql)
