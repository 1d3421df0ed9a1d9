"""Make the passwords of compose.yaml once, in a file that only its owner may read.

`python3 tools/compose_env.py FILE` leaves a file that is there as it is.
"""

import os
import secrets
import sys
from pathlib import Path

PASSWORDS = ("POSTGRES_PASSWORD", "REDIS_PASSWORD", "RABBITMQ_DEFAULT_PASS", "FLOWER_PASSWORD")


def main(path: Path) -> None:
    """Write `path` unless it exists."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    # Letters and digits only: they stand in URLs.
    lines = [f"{name}={secrets.token_hex(24)}" for name in PASSWORDS]
    lines.append(f"WINDROW_API_KEY=wrk_{secrets.token_hex(6)}_{secrets.token_urlsafe(32)}")
    with open(descriptor, "w", encoding="ascii") as file:
        file.write("\n".join(lines) + "\n")
    print(f"made passwords and an API key: {path}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
