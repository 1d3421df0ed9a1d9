"""A job that kills its worker whenever it runs: it ends failed, and nobody beside it pays."""

from __future__ import annotations

import psycopg
import pytest

from tests.faults.report import Report
from tests.faults.test_points import judged
from tests.faults.times import FULL
from tests.faults.world import World

NEIGHBOURS = 16


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "seconds",
    [
        pytest.param(0.2, id="after its start was saved"),
        pytest.param(
            0.0,
            id="before its start is saved",
            marks=pytest.mark.skipif(not FULL, reason="ten workers die: `make crash`"),
        ),
    ],
)
def test_a_poison_ends_failed_and_its_neighbours_have_no_failure(
    world: World, report: Report, seconds: float
) -> None:
    world.begin()
    deaths = len(world.doors.ends)
    for _ in range(NEIGHBOURS // 2):
        world.load.submit("slow")
    world.load.poison(seconds)
    for _ in range(NEIGHBOURS // 2):
        world.load.submit("slow")
    world.load.settle()
    line = judged(world, report, f"poison, {seconds:g} s", end_seconds=120)
    line.kills = len(world.doors.ends) - deaths
    with psycopg.connect(world.database_url) as connection:
        rows = connection.execute(
            "SELECT task, state::text, failures FROM windrow.jobs WHERE created_at >= %s::timestamptz "
            "AND task <> 'faults.tick'",
            [world.since],
        ).fetchall()
    assert [row[1] for row in rows if row[0] == "faults.poison"] == ["failed"]
    neighbours = [row for row in rows if row[0] != "faults.poison"]
    assert len(neighbours) == NEIGHBOURS
    assert {row[1:] for row in neighbours} == {("succeeded", 0)}
