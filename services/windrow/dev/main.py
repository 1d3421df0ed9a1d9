"""Entry points of `windrow up` and `windrow down`."""

from __future__ import annotations

import argparse
import os
import sys

from windrow.dev.detach import start_detached, wait_until_ready
from windrow.dev.down import down
from windrow.dev.errors import DevError
from windrow.dev.parts import door
from windrow.dev.settings import UpSettings
from windrow.dev.stop_flag import StopFlag
from windrow.dev.terminal import Terminal
from windrow.dev.up import Programs, Up

#: On top of the parts' own time to get ready: servers, a first initdb, migrations.
BEFORE_PARTS_SECONDS = 180.0


def main(argv: list[str]) -> int:
    """`windrow up`: 0 after a stop that was asked for, 1 when it did not start."""
    parser = argparse.ArgumentParser(
        prog="windrow up",
        description="Run Redis, PostgreSQL, API, worker, beat, exporter and Flower on this machine.",
    )
    parser.add_argument(
        "--detach", action="store_true", help="return once everything is ready; see `windrow down`"
    )
    parser.add_argument(
        "--no-demo", action="store_true", help="do not parse the Python documentation at the start"
    )
    options = parser.parse_args(argv)
    settings = UpSettings()
    terminal = Terminal()
    try:
        if options.detach:
            folder = settings.up_folder.absolute()
            command = list(door("up", *(["--no-demo"] if options.no_demo else [])))
            process = start_detached(folder, command)
            state = wait_until_ready(process, folder, settings.up_ready_seconds + BEFORE_PARTS_SECONDS)
            terminal.say(f"ready; `windrow down` stops everything\n{state.places(folder)}")
        else:
            stop = StopFlag()
            stop.install()
            Up(settings, os.environ, terminal, stop, Programs(), with_demo=not options.no_demo).run()
    except DevError as error:
        print(f"windrow up: {error}", file=sys.stderr, flush=True)
        return 1
    return 0


def main_down(argv: list[str]) -> int:
    """`windrow down`: 0 once nothing runs."""
    argparse.ArgumentParser(
        prog="windrow down", description="Stop the `windrow up` of this folder."
    ).parse_args(argv)
    settings = UpSettings()
    try:
        down(settings.up_folder.absolute(), settings.up_drain_seconds, print)
    except DevError as error:
        print(f"windrow down: {error}", file=sys.stderr)
        return 1
    return 0
