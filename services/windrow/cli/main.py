"""The `windrow` program."""

from __future__ import annotations

import os
import sys

from windrow.cli.doors import DOORS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType


def main() -> None:
    """Run `sys.argv`, and end the process with the sub-command's exit status."""
    if os.getpid() == 1:
        hear_sigterm()
    name, *rest = sys.argv[1:] or [""]
    for door in DOORS:
        if door.name == name:
            raise SystemExit(door.run(rest))
    # Help and complaints only: a worker's children would each carry typer's and rich's memory.
    from windrow.cli.overview import create_app

    create_app()()


def hear_sigterm() -> None:
    """End at SIGTERM until the door has a handler of its own.

    A container's first process is not even told of a signal that it has no handler for: a pod that is asked to
    end while its door is still being imported would begin to work, and be killed at it when its grace is over.
    """
    import signal  # costs a third of what `windrow alive` does

    def end(signum: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + signum)

    signal.signal(signal.SIGTERM, end)
