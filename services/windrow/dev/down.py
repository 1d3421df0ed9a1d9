"""`windrow down`: ends the `windrow up` of this folder, by request, then by force."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from windrow.dev.draining import Draining, RunningJobs
from windrow.dev.errors import PartFailed
from windrow.dev.guard_process import alive
from windrow.dev.lock import FolderLock
from windrow.dev.state import FILE_NAME, UpState

#: What a stop may take beside the drain: parts, servers, their last checkpoint.
STOP_SECONDS = 45.0
FORCE_SECONDS = 30.0
LOOK_SECONDS = 0.2
#: The parts that finish what they do; all others end at once, after them.
WORK = ("worker", "beat")


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
        if not _watch(lock, state, drain_seconds, say):
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


def _watch(lock: FolderLock, state: UpState | None, drain_seconds: float, say: Callable[[str], None]) -> bool:
    """Wait for the lock and say what for; False when it did not come in time."""
    began = time.monotonic()
    jobs = RunningJobs(state.database_url) if state else None
    draining = Draining(say, jobs or (lambda: None))
    # `up` itself ends last, when there is nothing left to be said.
    parts = [name for name, pid in state.pids.items() if pid and name != "up"] if state else []
    try:
        while (waited := time.monotonic() - began) < drain_seconds + STOP_SECONDS:
            if lock.take(LOOK_SECONDS):
                if parts:
                    say(f"ended: {', '.join(parts)}")
                return True
            ended = [name for name in parts if state and not alive(state.pids[name])]
            parts = [name for name in parts if name not in ended]
            if ended:
                say(f"ended: {', '.join(ended)}")
            if working := [name for name in parts if name in WORK]:
                draining.look(working, drain_seconds - waited)
    finally:
        if jobs is not None:
            jobs.close()
    return False


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
