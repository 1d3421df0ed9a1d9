"""The stock `celery worker`, as a door of the nursery."""

from __future__ import annotations


def main(argv: list[str]) -> int:
    """Run it; the nursery calls it after a fork."""
    from tests.faults.control.app import app

    app.worker_main(
        ["worker", "--loglevel=WARNING", "--concurrency=2", "--without-gossip", "--without-mingle", *argv]
    )
    return 0
