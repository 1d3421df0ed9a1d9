"""`windrow up --detach`: the same `windrow up` in a session of its own, its log in a file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from windrow.dev.errors import AlreadyRunning, PartFailed
from windrow.dev.state import UpState

LOG_NAME = "up.log"
TAIL_LINES = 30
POLL_SECONDS = 0.1


def start_detached(folder: Path, command: list[str]) -> subprocess.Popen[bytes]:
    """Start `command`, a `windrow up`, apart from this terminal. Raises AlreadyRunning."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    running = UpState.read(folder)
    if running and _there(running.pids.get("up", 0)):
        # Before the log is touched: it is the running one's.
        raise AlreadyRunning(f"windrow up is already running in this folder:\n{running.places(folder)}")
    log = folder / LOG_NAME
    log.unlink(missing_ok=True)
    with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb") as output:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )


def wait_until_ready(process: subprocess.Popen[bytes], folder: Path, timeout: float) -> UpState:
    """What runs, once it does; the process is asked to stop when that takes over `timeout` seconds.

    Raises PartFailed with the tail of the log.
    """
    deadline = time.monotonic() + timeout
    try:
        while process.poll() is None and time.monotonic() < deadline:
            state = UpState.read(folder)
            if state and state.pids.get("up") == process.pid:
                return state
            time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        process.send_signal(signal.SIGTERM)
        raise
    why = f"ended with {process.returncode}" if process.returncode is not None else f"took over {timeout:g} s"
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
    log = folder / LOG_NAME
    tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL_LINES:])
    raise PartFailed(f"{tail}\nwindrow up {why}; the whole log: {log}")


def limit_log(folder: Path, most_bytes: int) -> None:
    """Empty the log of a detached `up` when our output goes there and has grown over `most_bytes`."""
    with suppress(OSError):
        out, log = os.fstat(sys.stdout.fileno()), (folder / LOG_NAME).stat()
        if (out.st_dev, out.st_ino) == (log.st_dev, log.st_ino) and out.st_size > most_bytes:
            os.truncate(folder / LOG_NAME, 0)  # opened for appending: the next line goes to the start


def _there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return pid > 0
