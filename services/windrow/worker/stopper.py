"""Stops a running job in a prefork child: asks by signal first, kills after a grace; never another job's run."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from windrow.worker.execute import CANCEL_SIGNAL
from windrow.worker.slots import Slots

_FREEZE_TIMEOUT_SECONDS = 0.2


class Stopper:
    """Signals to children, each checked against the run that it is meant for."""

    def __init__(self, slots: Slots) -> None:
        self._slots = slots

    def ask(self, pid: int, run: int) -> bool:
        """Raise JobCancelled in `run`; False when the child `pid` has gone on to something else."""
        slot = self._slots.of_pid(pid)
        if slot is None or self._slots.run(slot) != run:
            return False
        self._slots.aim(slot, run)
        return _send(pid, CANCEL_SIGNAL)

    def kill(self, pid: int, run: int) -> bool:
        """SIGKILL the child if it is still in `run`.

        It is frozen first: a stopped process cannot end one run and begin another between look and kill.
        """
        slot = self._slots.of_pid(pid)
        if slot is None or not _send(pid, signal.SIGSTOP):
            return False
        _wait_frozen(pid)
        if self._slots.run(slot) == run:
            return _send(pid, signal.SIGKILL)
        _send(pid, signal.SIGCONT)
        return False


def _send(pid: int, number: int) -> bool:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def _wait_frozen(pid: int) -> None:
    stat = Path(f"/proc/{pid}/stat")
    deadline = time.monotonic() + _FREEZE_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        try:
            state = stat.read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return
        if state in "TtZX":
            return
        time.sleep(0.0005)
