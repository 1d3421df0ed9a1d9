"""Stopping a child's run, and never another one."""

from __future__ import annotations

import os
import signal
import time

import pytest

from windrow.core.errors import JobCancelled
from windrow.worker.execute import CANCEL_SIGNAL
from windrow.worker.slots import Slots
from windrow.worker.stopper import Stopper


def _child(slots: Slots, run: int) -> int:
    """A forked child in `run` of slot 0; exits 7 when it was asked to stop, 0 after 20 s."""
    pid = os.fork()
    if pid:
        while slots.of_pid(pid) is None or slots.run(0) != run:
            time.sleep(0.001)
        return pid

    def on_cancel(*_: object) -> None:
        if slots.is_hit(0):
            raise JobCancelled

    try:
        signal.signal(CANCEL_SIGNAL, on_cancel)
        slots.occupy(0, os.getpid())
        slots.enter(0, run)
        time.sleep(20)
    except JobCancelled:
        os._exit(7)
    os._exit(0)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_child_in_the_run_is_asked_to_stop() -> None:
    slots = Slots(2)
    pid = _child(slots, 41)
    assert Stopper(slots).ask(pid, 41)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_child_in_another_run_is_left_alone_and_goes_on() -> None:
    slots = Slots(2)
    pid = _child(slots, 42)
    stopper = Stopper(slots)
    assert not stopper.ask(pid, 41)
    assert not stopper.kill(pid, 41)
    assert os.waitpid(pid, os.WNOHANG) == (0, 0)
    assert stopper.kill(pid, 42)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL


def test_a_signal_that_comes_late_hits_nobody() -> None:
    slots = Slots(1)
    slots.occupy(0, os.getpid())
    slots.enter(0, 5)
    slots.aim(0, 5)
    slots.enter(0, 6)
    assert not slots.is_hit(0)
    slots.enter(0, 0)
    assert not slots.is_hit(0)
