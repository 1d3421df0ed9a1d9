"""Faults 1, 16 and 17 once more, with a PgBouncer in transaction mode before PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.births import Nursery
from tests.faults.conftest import which
from tests.faults.rows import Rows
from tests.faults.sizes import FULL, count
from tests.faults.test_faults_postgres import judge_outage, judge_restarts
from tests.faults.test_faults_workers import judge_tree_kills
from tests.faults.trial import Trial, fault
from tests.faults.ways import POOLED, open_world
from tests.faults.world import World
from tests.support.databases import Databases
from tests.support.pgbouncer_server import PgBouncerServer
from windrow.dev.postgres_server import PostgresServer

pytestmark = [pytest.mark.timeout(0 if FULL else 300), pytest.mark.xdist_group("pooled")]


@pytest.fixture(scope="module")
def pooled(
    postgres_server: PostgresServer,
    databases: Databases,
    pgbouncer: PgBouncerServer,
    nursery: Nursery,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[World]:
    """A stack behind a pooler of its own; the fixture `pgbouncer` says whether there is such a program."""
    url = databases.create()
    with open_world(POOLED, postgres_server, url, nursery, tmp_path_factory.mktemp("pooled")) as world:
        yield world
    databases.drop(url)


@pytest.fixture
def pooled_trial(pooled: World, rows: Rows, seed: int, request: pytest.FixtureRequest) -> Trial:
    trial = Trial(pooled, rows, which(request), seed)
    trial.fault = trial.fault._replace(name=f"{trial.fault.name}, {POOLED.name}")
    return trial


@fault(1, "worker trees SIGKILLed", 90)
def test_killed_worker_trees_lose_nothing_through_a_pooler(pooled_trial: Trial) -> None:
    judge_tree_kills(pooled_trial, count(8, 100))


@fault(16, "PostgreSQL away for 60 s", 60)
def test_an_outage_costs_no_running_job_through_a_pooler(pooled_trial: Trial) -> None:
    judge_outage(pooled_trial, "killed")


@fault(17, "PostgreSQL restarted under load", 60)
def test_every_accepted_job_is_there_after_restarts_behind_a_pooler(pooled_trial: Trial) -> None:
    judge_restarts(pooled_trial)
