"""Starts and retries without end."""

from importlib import resources
from typing import Any

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create everything in 0003_wide_counts.sql, in the transaction of `windrow.store.migrate`."""
    sql = (
        resources.files("windrow.store.migrations.versions")
        .joinpath("0003_wide_counts.sql")
        .read_text("utf-8")
    )
    # Without parameters psycopg sends the text as it is, many statements in one.
    connection: Any = op.get_bind().connection.driver_connection
    connection.execute(sql)
