"""What `windrow`, `windrow --help` and a misspelt sub-command print."""

from __future__ import annotations

from collections.abc import Callable
from importlib import metadata

import typer

from windrow.cli.doors import DOORS, Door

#: A door reads its own arguments, `--help` among them.
PASS_THROUGH = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def create_app() -> typer.Typer:
    """The program, with every door as a sub-command."""
    app = typer.Typer(
        name="windrow",
        help="Celery tasks as a service: a ledger, an HTTP API, workers.",
        add_completion=False,
        no_args_is_help=True,
    )
    app.callback(invoke_without_command=True)(_top)
    for door in DOORS:
        app.command(door.name, help=door.help, context_settings=PASS_THROUGH, add_help_option=False)(
            _runs(door)
        )
    return app


def _top(version: bool = typer.Option(False, "--version", help="Print the version and end.")) -> None:
    if version:
        typer.echo(f"windrow {metadata.version('windrow')}")
        raise typer.Exit


def _runs(door: Door) -> Callable[[typer.Context], None]:
    def run(context: typer.Context) -> None:
        raise typer.Exit(door.run(list(context.args)))

    return run
