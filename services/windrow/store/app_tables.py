"""The tables of an app: its `NNNN_*.sql` files, each of which may run again."""

from __future__ import annotations

from importlib import resources

import psycopg

_LOCK = 0x57494E44524F57


def create_app_tables(database_url: str, package: str, connect_timeout: int = 10) -> list[str]:
    """Run every SQL file of `package` in one transaction, one caller at a time; returns their names."""
    files = sorted(
        (f for f in resources.files(package).iterdir() if f.name.endswith(".sql")), key=lambda f: f.name
    )
    with psycopg.connect(database_url, connect_timeout=connect_timeout, prepare_threshold=None) as conn:
        conn.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        for file in files:
            conn.execute(file.read_text("utf-8").encode())
    return [file.name for file in files]
