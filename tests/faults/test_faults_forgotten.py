"""Fault 25: a transaction that somebody forgot keeps PostgreSQL from cleaning up.

A twin on the same server and under the same load, in whose database nobody forgot one, is measured at the same moments:
what else the machine does slows both.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import NamedTuple

import psycopg
import pytest

from tests.faults.births import Nursery
from tests.faults.conftest import which
from tests.faults.rows import Rows
from tests.faults.sizes import FULL, count, lasting
from tests.faults.trial import Trial, fault
from tests.faults.ways import DIRECT, open_world
from tests.faults.world import World
from tests.support.databases import Databases
from windrow.core.ids import new_id
from windrow.core.job import NewJob
from windrow.store.accept import accept
from windrow.store.ledger import Ledger

pytestmark = pytest.mark.timeout(0 if FULL else 300)


class Pace(NamedTuple):
    """Of one world, for a moment."""

    #: Jobs a second through its workers.
    rate: float
    #: Seconds that the relay takes to send one.
    relay: float


@pytest.fixture
def twin(
    world: World,
    databases: Databases,
    nursery: Nursery,
    seed: int,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[Trial]:
    """Its rows are nobody's."""
    url = databases.create()
    with open_world(DIRECT, world.postgres, url, nursery, tmp_path_factory.mktemp("twin")) as other:
        yield Trial(other, Rows(), which(request), seed)
    databases.drop(url)


@fault(25, "REPEATABLE READ left open for 10 min", 60)
def test_a_forgotten_transaction_hardly_slows_claims_and_the_relay(trial: Trial, twin: Trial) -> None:
    both = (trial, twin)
    paces(both)
    with psycopg.connect(trial.world.database_url) as forgotten:
        forgotten.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        forgotten.execute("SELECT count(*) FROM windrow.jobs")
        kinds = {"add": 6, "slow": 1, "flaky": 1, "flow": 1}
        with trial.load(20, (80, 10_000), False, kinds), twin.load(20, (80, 10_000), False, kinds):
            for each in both:
                each.world.killed()
            time.sleep(lasting(600, 4))
        for each in both:
            each.world.load.settle()
            each.world.wait(lambda: not each.world.unfinished(), "end of the load", 300)  # noqa: B023
        measured = [paces(both) for _ in range(count(2, 7))]
    claims = median(mine.rate / other.rate for mine, other in measured)
    relay, other_relay = (median(pair[n].relay for pair in measured) for n in (0, 1))
    trial.note = (
        f"claims {claims:.2f} of the twin's, relay {relay * 1000:.0f} ms, its {other_relay * 1000:.0f} ms"
    )
    for each in both:
        each.judge(extra_runs=0)
    # A figure of two moments proves nothing: the full run holds the bound.
    if FULL:
        assert claims >= 0.8
        assert relay <= max(other_relay / 0.8, 0.5)


def paces(both: tuple[Trial, Trial]) -> tuple[Pace, Pace]:
    """Of both at once."""
    with ThreadPoolExecutor(2) as threads:
        mine, other = threads.map(pace, [each.world for each in both])
    return mine, other


def pace(world: World) -> Pace:
    """A batch of jobs, then the relay alone."""
    jobs, ledger = count(80, 2000), Ledger(world.database_url)
    ids = [new_id() for _ in range(jobs)]
    began = time.monotonic()
    batch = [NewJob(id=one, task="faults.add", queue="faults", input="[[1], {}]") for one in ids]
    ledger.run(accept, batch, False)
    left = "SELECT count(*) FROM windrow.jobs WHERE id = ANY(%s) AND finished_at IS NULL"
    world.wait(lambda: not world.one(left, ids), "end of the measured jobs", 300)
    rate = jobs / (time.monotonic() - began)
    waits = [sent_within(world, ledger) for _ in range(3)]
    ledger.close()
    return Pace(rate, median(waits))


def sent_within(world: World, ledger: Ledger) -> float:
    """Seconds from the commit of a job without a message until the relay has sent it."""
    job_id = new_id()
    ledger.run(accept, [NewJob(id=job_id, task="faults.add", queue="faults", input="[[1], {}]")], False)
    sent: Callable[[], object] = lambda: world.one(  # noqa: E731 - two lines
        "SELECT published_at IS NOT NULL FROM windrow.jobs WHERE id = %s", job_id
    )
    world.wait(sent, "message", 60)
    return float(
        world.one(
            "SELECT extract(epoch FROM published_at - created_at)::float8 FROM windrow.jobs WHERE id = %s",
            job_id,
        )
    )
