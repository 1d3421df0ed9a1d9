"""The program that outlives a killed owner and ends what the owner had started.

It reads its standard input until the end, which comes when the owner is gone, however it went. Lines:
`+<pid> <signal> <stage>` watch a process group leader, `-<pid>` forget it, `!<path>` remove this file at the end.
Stages end from the highest to the lowest: asked by their signal, then killed. Standard library only, so that it is
there in a moment and shares nothing with what may have gone wrong.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from typing import TextIO

#: How long a stage may take after its signal before its groups are killed.
GRACE_SECONDS = 5.0
POLL_SECONDS = 0.02


def alive(pid: int) -> bool:
    """Is `pid` still the leader of its own group, and more than a zombie?"""
    try:
        if os.getpgid(pid) != pid:
            return False
    except OSError:
        return False
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return not os.path.isdir("/proc/self")  # without /proc the group lookup above is the answer


def end(stage: dict[int, int], grace_seconds: float) -> None:
    """Signal each of `stage` (pid -> signal number), wait together, kill the groups that remain."""
    for pid, number in stage.items():
        if alive(pid):
            with suppress(OSError):
                os.kill(pid, signal.SIGCONT)
                os.kill(pid, number)
    deadline = time.monotonic() + grace_seconds
    while time.monotonic() < deadline and any(alive(pid) for pid in stage):
        time.sleep(POLL_SECONDS)
    for pid in stage:
        # Also when the leader has ended: its children may still be there, and keep the group's number theirs.
        with suppress(OSError):
            os.killpg(pid, signal.SIGKILL)


def watch(lines: TextIO, grace_seconds: float = GRACE_SECONDS) -> None:
    """Follow `lines` to their end, then end what is still watched and remove the named files."""
    watched: dict[int, tuple[int, int]] = {}
    files: list[str] = []
    for line in lines:
        kind, rest = line[:1], line[1:].strip()
        if kind == "+":
            pid, number, stage = map(int, rest.split())
            watched[pid] = (stage, number)
        elif kind == "-":
            watched.pop(int(rest), None)
        elif kind == "!":
            files.append(rest)
    for stage in sorted({stage for stage, _ in watched.values()}, reverse=True):
        end({pid: number for pid, (at, number) in watched.items() if at == stage}, grace_seconds)
    for path in files:
        with suppress(OSError):
            os.unlink(path)


def main() -> None:
    """Be deaf to what ends the owner, and watch."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    watch(sys.stdin)


if __name__ == "__main__":
    main()
