"""One `windrow up` a folder: a lock that the system takes back when its holder and guard are gone."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

POLL_SECONDS = 0.05


class FolderLock:
    """An flock on `<folder>/up.lock`; the file names the holder's process id."""

    def __init__(self, folder: Path) -> None:
        self._fd = os.open(folder / "up.lock", os.O_RDWR | os.O_CREAT, 0o600)

    @property
    def fd(self) -> int:
        """The descriptor; a process that keeps a copy open keeps the lock."""
        return self._fd

    def take(self, timeout: float = 0.0) -> bool:
        """Take it, waiting at most `timeout` seconds; False when somebody else has it."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    return False
                time.sleep(POLL_SECONDS)
                continue
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, str(os.getpid()).encode(), 0)
            return True

    def holder(self) -> int:
        """The process id of whoever took it last; 0 when that process is gone."""
        try:
            pid = int(os.pread(self._fd, 32, 0) or b"0")
            if pid:
                os.kill(pid, 0)
        except (ValueError, ProcessLookupError):
            return 0
        except PermissionError:
            pass  # another user's process: it is there
        return pid

    def close(self) -> None:
        """Let it go; a holder's guard may keep it a moment longer."""
        os.close(self._fd)
