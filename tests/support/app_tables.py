"""A migrated database with the tables of an app."""

from __future__ import annotations

from windrow.apps import AppSpec
from windrow.store.app_tables import create_app_tables


def with_tables(url: str, spec: AppSpec) -> str:
    """`url`, with the app's migrations run twice: each upgrade of a release runs them all again."""
    assert spec.migrations is not None
    for _ in range(2):
        create_app_tables(url, spec.migrations)
    return url
