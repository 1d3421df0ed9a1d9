"""A kill at every arrow of the way of a job: nothing accepted is lost, nothing has two outcomes."""

from __future__ import annotations

import random
import time

import pytest

from tests.faults.bounds import MEASURED
from tests.faults.points import POINTS, Point
from tests.faults.progress import say
from tests.faults.report import Line, Report, explain
from tests.faults.sizes import FULL as REAL
from tests.faults.times import FULL
from tests.faults.world import END_SECONDS, World

#: Kills at each point.
KILLS = 3 if FULL or REAL else 1
#: Others that pass before the one that dies.
MAX_SKIP = 4
HIT_SECONDS = 120.0 if REAL else 40.0


@pytest.mark.timeout(300)
def test_without_a_kill_every_job_ends_and_none_runs_twice(world: World, report: Report) -> None:
    world.begin()
    world.load.round()
    line = judged(world, report, "(none)")
    assert line.extra_runs == 0


#: The full form of the faults has its share of them, too.
_SHOWN = [
    pytest.param(point, id=point.name, marks=[pytest.mark.measured] if point.name in MEASURED else [])
    for point in POINTS
]


@pytest.mark.timeout(0 if REAL else 300)
@pytest.mark.parametrize("point", _SHOWN)
def test_a_kill_at_this_point_loses_and_doubles_nothing(
    world: World, report: Report, point: Point, seed: int
) -> None:
    rng = random.Random(f"{seed} {point.name}")
    say(point.name)
    world.begin()
    world.load.round(0.5)
    for _ in range(KILLS):
        # Beat passes its points seldom enough.
        kill_at(world, point, 0 if point.door == "beat" else rng.randrange(MAX_SKIP))
    world.load.round(0.2, canvases=False)
    judged(world, report, point.name)


def kill_at(world: World, point: Point, skip: int) -> None:
    """Arm it, and submit until somebody died there."""
    at = point.tree_at or point.name
    world.points.arm(at, skip, bool(point.tree_at))
    deadline = time.monotonic() + HIT_SECONDS
    world.load.round(0.25)
    if point.trigger == "kill a worker":
        world.kill_worker()
    elif point.trigger:
        time.sleep(0.1)
        world.empty_redis()
    while (hit := world.points.hit(at)) is None:
        if time.monotonic() > deadline:
            pytest.fail(f"nobody passed {point.name} in {HIT_SECONDS:g} s")
        world.load.round(0.05, canvases=False)
        time.sleep(0.3)
    world.killed(hit.at)


def judged(world: World, report: Report, name: str, end_seconds: float = END_SECONDS) -> Line:
    """The line of the table; fails on any finding."""
    line = world.finish(name, end_seconds)
    report.lines.append(line)
    assert not line.findings, explain(line.findings)
    assert line.final == line.jobs
    return line
