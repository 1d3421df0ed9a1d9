"""The command that celery-exporter's package comes without: every option may be a CE_ variable."""

from src.cli import cli


def main() -> None:
    """Run `sys.argv`."""
    # The broker's URL holds a password, and command lines are everybody's to read.
    cli(auto_envvar_prefix="CE")
