"""Runs the load client and the `delay()` loop in processes of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from tests.bench.side import BenchFailed


def load(port: int, message: bytes, connections: int, seconds: float, status: int = 202) -> dict[str, Any]:
    """What `load.py` prints. Raises BenchFailed when any answer had another status."""
    arguments = [str(port), str(connections), str(seconds), str(status)]
    found = python("tests.bench.load", *arguments, stdin=message, timeout=seconds + 30)
    if found["unexpected"] or not found["requests"]:
        raise BenchFailed(f"the load met other answers than {status}: {found}")
    return found


def python(
    module: str,
    *arguments: str,
    stdin: bytes = b"",
    env: Mapping[str, str] | None = None,
    timeout: float,
) -> dict[str, Any]:
    """Run a module to its end and decode what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        input=stdin,
        capture_output=True,
        env=env,
        timeout=timeout,
        check=False,
    )
    if done.returncode:
        raise BenchFailed(f"{module} ended with {done.returncode}:\n{done.stderr.decode()}")
    printed: dict[str, Any] = json.loads(done.stdout)
    return printed
