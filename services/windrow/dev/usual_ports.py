"""The usual ports of `windrow up`, and what is said of those that somebody else holds."""

from __future__ import annotations

from windrow.dev.ports import free_port


class UsualPorts:
    """Gives out ports, and keeps a line for each that is not the usual one: it names the setting that chooses it."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def free(self, what: str, usual: int, variable: str) -> int:
        """The port for `what`: `usual` where nobody listens there, else another one."""
        port = free_port(usual)
        self.moved(what, usual, port, variable)
        return port

    def moved(self, what: str, usual: int, port: int, variable: str) -> None:
        """`what` answers at `port`."""
        # 0 asks for any.
        if usual and port != usual:
            self.notes.append(f"Port {usual} is taken: {what} has {port}; {variable} chooses another")
