"""The doors that the `windrow` program opens; each is imported only when it is named."""

from __future__ import annotations

import sys
from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    #: Takes the arguments after the sub-command, returns the exit status.
    DoorMain = Callable[[list[str]], int]


class Door:
    """A sub-command, and where its entry point is."""

    # By hand: importing dataclasses takes longer than all else that a probe does.
    __slots__ = ("function", "help", "module", "name")

    def __init__(self, name: str, help: str, module: str, function: str = "main") -> None:
        self.name = name
        self.help = help
        self.module = module
        self.function = function

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
        try:
            return main(argv)
        except ValueError as error:
            from windrow.cli.settings_error import settings_error

            said = settings_error(error)
            if said is None:
                raise
            print(f"windrow {self.name}: {said}", file=sys.stderr)
            return 2


DOORS = (
    Door("api", "Serve the HTTP API.", "windrow.api.main"),
    Door("worker", "Run jobs.", "windrow.worker.main"),
    Door("beat", "Run the schedules and the chores.", "windrow.beat.main"),
    Door("alive", "Tell a probe whether the worker or beat here lives.", "windrow.cli.alive"),
    Door("exporter", "Serve Prometheus metrics.", "windrow.exporter.main"),
    Door("scaler", "Choose which workers go, and raise pools in a burst.", "windrow.scaler.main"),
    Door("migrate", "Bring the database's schema up to this release.", "windrow.cli.migrate"),
    Door("restore", "Hold everything after the database was restored from a backup.", "windrow.cli.restore"),
    Door("up", "Run everything on this machine.", "windrow.dev.main"),
    Door("down", "Stop what `windrow up` runs.", "windrow.dev.main", "main_down"),
    Door("keys", "Create and revoke API keys.", "windrow.api.keys"),
    Door("jobs", "Submit jobs and look at them.", "windrow.cli.jobs"),
    Door("catalog", "Declare this release's tasks.", "windrow.worker.catalog"),
)
