"""One log for all parts: a coloured name before each line."""

from __future__ import annotations

from contextlib import suppress

from rich.console import Console
from rich.text import Text

STYLES = {
    "up": "bold white",
    "api": "green",
    "worker": "cyan",
    "beat": "magenta",
    "exporter": "bright_blue",
    "flower": "yellow",
    "source": "blue",
    "migrate": "bright_black",
}
NAME_WIDTH = max(map(len, STYLES))


class _Lasting(Console):
    """A console whose reader may go away: rich would end the process, or worse, one thread of it."""

    def on_broken_pipe(self) -> None:
        self.quiet = True


class Terminal:
    """Prints lines from any thread, whole; progress bars on the same `console` stay below them."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or _Lasting(highlight=False, soft_wrap=True)

    def line(self, name: str, text: str) -> None:
        """Print one line of the part `name`."""
        prefix = Text(f"{name:<{NAME_WIDTH}} | ", style=STYLES.get(name, "white"))
        # Parts may colour their own lines; most do not, and reading escapes costs time.
        body = Text.from_ansi(text) if "\x1b" in text else Text(text)
        # A closed terminal must not end the thread that empties a part's pipe: the part would block.
        with suppress(OSError):
            self.console.print(prefix + body, soft_wrap=True, highlight=False)

    def say(self, text: str) -> None:
        """Print what `windrow up` itself has to tell."""
        for line in text.splitlines():
            self.line("up", line)
