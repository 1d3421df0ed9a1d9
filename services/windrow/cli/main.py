"""The `windrow` program."""

from __future__ import annotations

import sys

from windrow.cli.doors import DOORS


def main() -> None:
    """Run `sys.argv`, and end the process with the sub-command's exit status."""
    name, *rest = sys.argv[1:] or [""]
    for door in DOORS:
        if door.name == name:
            raise SystemExit(door.run(rest))
    # Help and complaints only: a worker's children would each carry typer's and rich's memory.
    from windrow.cli.overview import create_app

    create_app()()
