"""`windrow migrate`: bring the database's schema up to this release, or wait until it is."""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import time
from collections.abc import Callable

import psycopg

from windrow.core.addresses import check_database_url
from windrow.store.schema import head, is_current

#: Longest pause between two tries.
PAUSE_SECONDS = 2.0


def main(argv: list[str]) -> int:
    """0 once the schema is this release's; 1 with the reason when it could not be."""
    options = _parser().parse_args(argv)
    # No flag for it: command lines are everybody's to read.
    url = os.environ.get("WINDROW_DATABASE_URL", "")
    if not url:
        return _complain("WINDROW_DATABASE_URL is not set (postgresql://user:password@host:port/database)", 2)
    try:
        check_database_url(url)
    except ValueError as error:
        return _complain(f"WINDROW_DATABASE_URL: {error}", 2)
    try:
        revision = _patiently(options.wait, lambda: _check(url) if options.check else _migrate(url))
    except (psycopg.Error, LookupError) as error:
        return _complain(error)
    if revision is None:
        return _complain("the schema is older than this release: run `windrow migrate` of this release")
    print(
        json.dumps({"revision": revision}) if options.output == "json" else f"schema at revision {revision}"
    )
    return 0


def _migrate(url: str) -> str:
    # Not for those that only check, in every pod that starts: this takes longer to import than to run.
    from sqlalchemy.exc import DBAPIError

    from windrow.apps import DEFAULT_APPS, find_apps
    from windrow.store.app_tables import create_app_tables
    from windrow.store.migrate import migrate
    from windrow.telemetry import logs

    # Alembic's lines.
    logs.configure("migrate", os.environ.get("WINDROW_LOG_FORMAT", "console"), secrets=(url,))
    # First, for the ledger's revision is what everybody else waits for.
    for spec in find_apps(os.environ.get("WINDROW_APPS", DEFAULT_APPS)):
        if spec.migrations is not None:
            create_app_tables(url, spec.migrations)
    try:
        return migrate(url)
    except DBAPIError as error:
        raise error.orig or error from error


def _check(url: str) -> str | None:
    return head() if is_current(url) else None


def _patiently(seconds: float, call: Callable[[], str | None]) -> str | None:
    """What `call` answers at last: for `seconds` it is tried again while no server answers, or it says None."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            answer = call()
            if answer is not None or time.monotonic() >= deadline:
                return answer
        except psycopg.OperationalError:
            if time.monotonic() >= deadline:
                raise
        time.sleep(min(random.uniform(0.2, 1) * PAUSE_SECONDS, max(0.0, deadline - time.monotonic())))


def _complain(what: object, status: int = 1) -> int:
    print(f"windrow migrate: {what}", file=sys.stderr)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="windrow migrate", description="Bring the schema up to this release."
    )
    parser.add_argument(
        "-o", "--output", choices=("text", "json"), default="text", help="how to print the outcome"
    )
    parser.add_argument(
        "--check", action="store_true", help="change nothing: say whether this release can run on the schema"
    )
    parser.add_argument(
        "--wait", type=float, default=0.0, metavar="SECONDS", help="try for so long before giving up"
    )
    return parser
