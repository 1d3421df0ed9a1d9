"""`windrow migrate`: bring the database's schema up to this release."""

from __future__ import annotations

import argparse
import json
import os
import sys

import psycopg
from sqlalchemy.exc import SQLAlchemyError

from windrow.apps import find_app
from windrow.store.app_tables import create_app_tables
from windrow.store.migrate import migrate


def main(argv: list[str]) -> int:
    """0 once the schema is this release's; 1 with the reason when it could not be."""
    parser = argparse.ArgumentParser(
        prog="windrow migrate", description="Bring the schema up to this release."
    )
    parser.add_argument(
        "-o", "--output", choices=("text", "json"), default="text", help="how to print the outcome"
    )
    options = parser.parse_args(argv)
    # No flag for it: command lines are everybody's to read.
    url = os.environ.get("WINDROW_DATABASE_URL", "")
    if not url:
        print(
            "windrow migrate: WINDROW_DATABASE_URL is not set (postgresql://user:password@host:port/database)",
            file=sys.stderr,
        )
        return 2
    try:
        revision = migrate(url)
        for name in os.environ.get("WINDROW_APPS", "parse").split(","):
            tables = find_app(name.strip()).migrations if name.strip() else None
            if tables:
                create_app_tables(url, tables)
    except (SQLAlchemyError, psycopg.Error, LookupError) as error:
        print(f"windrow migrate: {getattr(error, 'orig', None) or error}", file=sys.stderr)
        return 1
    print(
        json.dumps({"revision": revision}) if options.output == "json" else f"schema at revision {revision}"
    )
    return 0
