"""Alembic's entry: runs the revisions on the connection that `windrow.store.migrate` opened."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table="revision",
    version_table_schema="windrow",
)
context.run_migrations()
