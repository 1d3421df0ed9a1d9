"""A door that is told to end before it listens."""

from __future__ import annotations

import signal


def main(argv: list[str]) -> int:
    signal.raise_signal(signal.SIGTERM)
    return 0
