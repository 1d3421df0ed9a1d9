"""A worker that wakes up after it was taken for dead: others have run its jobs, and what it has to say is too late."""

from __future__ import annotations

import os
import signal

import pytest

from tests.faults.report import Report
from tests.faults.test_points import judged
from tests.faults.world import World

_RUNNING = (
    "SELECT count(*) FROM windrow.jobs j JOIN windrow.workers w ON w.id = j.worker "
    "WHERE j.state = 'running' AND w.pid = %s AND j.created_at >= %s::timestamptz AND j.task = 'faults.add'"
)


@pytest.mark.timeout(300)
def test_the_outcome_of_a_worker_that_was_rescued_meanwhile_is_dropped(world: World, report: Report) -> None:
    world.begin()
    for _ in range(6):
        world.load.submit("long")
    pid = world.doors.pid("worker-1")
    world.wait(lambda: world.one(_RUNNING, pid, world.since), "running job of worker-1", 30)
    os.killpg(pid, signal.SIGSTOP)
    try:
        world.killed()
        world.wait(lambda: not world.unfinished(), "end without worker-1", 40)
    finally:
        os.killpg(pid, signal.SIGCONT)
    back = "SELECT count(*) FROM windrow.workers WHERE pid = %s AND ended_at IS NULL"
    world.wait(lambda: world.one(back, pid), "word of worker-1", 30)
    # Through the worker that woke up, too: its outcomes of before are saved, or dropped, by then.
    world.load.round(0.5, canvases=False)
    line = judged(world, report, "worker asleep")
    assert line.extra_runs > 0
