"""The first schema."""

from importlib import resources

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create everything in 0001_ledger.sql, in the transaction of `windrow.store.migrate`."""
    sql = resources.files("windrow.store.migrations.versions").joinpath("0001_ledger.sql").read_text("utf-8")
    # Without parameters psycopg sends the text as it is, many statements in one.
    op.get_bind().connection.driver_connection.execute(sql)
