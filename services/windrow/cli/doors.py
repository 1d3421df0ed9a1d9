"""The doors that the `windrow` program opens; each is imported only when it is named."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

#: Takes the arguments after the sub-command, returns the exit status.
DoorMain = Callable[[list[str]], int]


@dataclass(frozen=True, slots=True)
class Door:
    """A sub-command, and where its entry point is."""

    name: str
    help: str
    module: str
    function: str = "main"

    def run(self, argv: list[str]) -> int:
        """Import the door and run it; 2 when it is not in this installation."""
        try:
            main: DoorMain = getattr(import_module(self.module), self.function)
        except ModuleNotFoundError as error:
            if not error.name:
                raise
            missing = "" if self.module.startswith(error.name) else f": the package {error.name!r} is missing"
            print(f"windrow: `windrow {self.name}` is not in this installation{missing}", file=sys.stderr)
            return 2
        return main(argv)


DOORS = (
    Door("api", "Serve the HTTP API.", "windrow.api.main"),
    Door("worker", "Run jobs.", "windrow.worker.main"),
    Door("beat", "Run the schedules and the chores.", "windrow.beat.main"),
    Door("exporter", "Serve Prometheus metrics.", "windrow.exporter.main"),
    Door("migrate", "Bring the database's schema up to this release.", "windrow.cli.migrate"),
    Door("up", "Run everything on this machine.", "windrow.dev.main"),
    Door("down", "Stop what `windrow up` runs.", "windrow.dev.main", "main_down"),
    Door("keys", "Create and revoke API keys.", "windrow.api.keys"),
    Door("jobs", "Submit jobs and look at them.", "windrow.cli.jobs"),
    Door("catalog", "Declare this release's tasks.", "windrow.worker.catalog"),
)
