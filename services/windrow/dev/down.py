"""`windrow down`: ends the `windrow up` of this folder, by request, then by force."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from windrow.dev.errors import PartFailed
from windrow.dev.guard_process import alive
from windrow.dev.lock import FolderLock
from windrow.dev.state import FILE_NAME, UpState

#: What a stop may take beside the drain: parts, servers, their last checkpoint.
STOP_SECONDS = 45.0
FORCE_SECONDS = 30.0


def down(folder: Path, drain_seconds: float, say: Callable[[str], None]) -> None:
    """Return once nothing of it runs. Raises PartFailed when something cannot be ended."""
    if not folder.is_dir():
        say("nothing is running here")
        return
    lock = FolderLock(folder)
    try:
        if lock.take():
            (folder / FILE_NAME).unlink(missing_ok=True)
            say("nothing is running here")
            return
        state = UpState.read(folder)
        _ask(lock.holder(), signal.SIGTERM)
        if not lock.take(drain_seconds + STOP_SECONDS):
            say("it does not end by itself: killed")
            _ask(lock.holder(), signal.SIGKILL)  # its guard ends the rest and lets the lock go
            if not lock.take(FORCE_SECONDS):
                _force(state)
                if not lock.take(1.0):
                    raise PartFailed(f"something still holds {folder / 'up.lock'}")
        (folder / FILE_NAME).unlink(missing_ok=True)
        say("stopped")
    finally:
        lock.close()


def _ask(pid: int, number: signal.Signals) -> None:
    if pid:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _force(state: UpState | None) -> None:
    """Kill the groups that up.json names and that are still led by those processes."""
    for pid in state.pids.values() if state else ():
        if pid and alive(pid):
            with suppress(OSError):
                os.killpg(pid, signal.SIGKILL)
