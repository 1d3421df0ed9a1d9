"""Which schema a database has, and whether this release runs on it. Every pod asks first: imports are few."""

from __future__ import annotations

from importlib import resources

import psycopg


def revisions() -> list[str]:
    """The revisions that this release knows, the oldest first."""
    folder = resources.files("windrow.store.migrations.versions")
    names = [entry.name for entry in folder.iterdir()]
    return sorted(
        name[1:].partition("_")[0] for name in names if name.startswith("r") and name.endswith(".py")
    )


def head() -> str:
    """The newest of them."""
    return revisions()[-1]


def is_newer(revision: str) -> bool:
    """Whether a later release brought `revision`; empty: a database without a schema."""
    return bool(revision) and revision not in revisions()


def is_current(database_url: str, connect_timeout: int = 10) -> bool:
    """Whether this release can run on the schema as it is: it is this release's, or a newer one's.

    Changes nothing. Raises psycopg.OperationalError when no server answers.
    """
    with psycopg.connect(database_url, connect_timeout=connect_timeout, prepare_threshold=None) as connection:
        table = connection.execute("SELECT to_regclass('windrow.revision')").fetchone()
        if table is None or table[0] is None:
            return False
        row = connection.execute("SELECT version_num FROM windrow.revision").fetchone()
    found = str(row[0]) if row else ""
    return found == head() or is_newer(found)
