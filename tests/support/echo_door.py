"""A door that prints the arguments that it got."""

from __future__ import annotations

import json
import sys


def main(argv: list[str]) -> int:
    """Print `argv` as JSON; 7, so that the status is seen to pass through."""
    sys.stdout.write(json.dumps(argv))
    return 7
