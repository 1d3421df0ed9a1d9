"""Kills at seeded instants under a steady load: processes, children, and both stores.

25 kills, with `make crash` 200, by the seed of the run.
"""

from __future__ import annotations

import random
import time
from collections import Counter

import pytest

from tests.faults.report import Report, explain
from tests.faults.times import FULL
from tests.faults.victims import choose, kill
from tests.faults.world import World

KILLS = 200 if FULL else 25
#: Seconds between two kills.
PAUSE = (0.3, 1.0)
#: Seconds between two small rounds of load, and jobs under way above which a round is left out.
LOAD_SECONDS, MAX_UNDER_WAY = 0.8, 250
#: Every so many rounds the team's canvases, too.
CANVAS_ROUNDS = 3


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_kills_at_any_instant_lose_and_double_nothing(world: World, report: Report, seed: int) -> None:
    rng = random.Random(f"{seed} instants")
    world.begin()
    victims: Counter[str] = Counter()
    rounds, load_at = 0, 0.0
    while victims.total() < KILLS:
        kill_at = time.monotonic() + rng.uniform(*PAUSE)
        while (now := time.monotonic()) < kill_at:
            if now >= load_at and world.under_way() < MAX_UNDER_WAY:
                world.load.round(0.1, canvases=rounds % CANVAS_ROUNDS == 0)
                rounds, load_at = rounds + 1, now + LOAD_SECONDS
            time.sleep(0.05)
        victim = choose(rng)
        kill(world, victim, rng)
        victims[victim] += 1
    line = world.finish(f"{KILLS} instants")
    report.lines.append(line)
    assert not line.findings, f"seed {seed}, {victims}\n{explain(line.findings)}"
