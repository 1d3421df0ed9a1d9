"""`windrow alive`: exit 0 while the heartbeat file of this container's worker or beat is fresh.

Made for exec probes, which run it every few seconds in every pod: it imports nothing that Python has not
loaded already. A step of the machine's clock may cost one answer, so a probe needs a failureThreshold over 1.
"""

import os
import sys
import time

#: A worker's loop touches the file every 5 s, beat's once between two statements, which end after 32 s.
MAX_AGE_SECONDS = 60.0


def main(argv: list[str]) -> int:
    """0 when fresh; 1 when old or not there; 2 when it cannot be told. `argv`: at most the age allowed."""
    path = os.environ.get("WINDROW_HEARTBEAT_FILE", "")
    try:
        allowed = float(argv[0]) if argv else MAX_AGE_SECONDS
    except ValueError:
        return _answer(2, "usage: windrow alive [SECONDS]")
    if not path:
        return _answer(2, "WINDROW_HEARTBEAT_FILE is not set")
    try:
        age = time.time() - os.stat(path).st_mtime
    except OSError as error:
        return _answer(1, f"no heartbeat yet: {error}")
    if age > allowed:
        return _answer(1, f"the last heartbeat was {age:.0f} s ago, {allowed:g} s are allowed")
    return 0


def _answer(status: int, line: str) -> int:
    # Kubernetes shows it in the pod's events.
    print(f"windrow alive: {line}", file=sys.stderr)
    return status
