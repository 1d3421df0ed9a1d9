"""Faults 1, 10, 11 and 22 once more, with the queues on a RabbitMQ."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.births import Nursery
from tests.faults.conftest import which
from tests.faults.rows import Rows
from tests.faults.sizes import FULL, count
from tests.faults.test_faults_redis import judge_broker_kills, judge_doubled, judge_emptied
from tests.faults.test_faults_workers import judge_tree_kills
from tests.faults.trial import Trial, fault
from tests.faults.ways import RABBIT, open_world
from tests.faults.world import World
from tests.support.databases import Databases
from tests.support.rabbit import Management
from tests.support.require import missing
from windrow.broker.choice import gauge
from windrow.dev.errors import NotInstalled
from windrow.dev.postgres_server import PostgresServer
from windrow.dev.rabbit_program import rabbit_program

pytestmark = [pytest.mark.timeout(0 if FULL else 300), pytest.mark.xdist_group("rabbit")]

#: A connection that breaks gives back what it held: a job that was claimed by then is claimed by nobody else.
NO_RUN = 0


@pytest.fixture(scope="module")
def on_rabbit(
    postgres_server: PostgresServer,
    databases: Databases,
    nursery: Nursery,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[World]:
    """A stack with a RabbitMQ of its own."""
    try:
        rabbit_program()
    except NotInstalled as error:
        missing(str(error))
    url = databases.create()
    with open_world(RABBIT, postgres_server, url, nursery, tmp_path_factory.mktemp("on-rabbit")) as world:
        yield world
    databases.drop(url)


@pytest.fixture
def rabbit_trial(on_rabbit: World, rows: Rows, seed: int, request: pytest.FixtureRequest) -> Trial:
    trial = Trial(on_rabbit, rows, which(request), seed)
    trial.fault = trial.fault._replace(name=f"{trial.fault.name}, {RABBIT.name}")
    return trial


@fault(1, "worker trees SIGKILLed", 90)
def test_killed_worker_trees_lose_nothing_on_rabbitmq(rabbit_trial: Trial) -> None:
    judge_tree_kills(rabbit_trial, count(8, 100))


@fault(10, "the broker SIGKILLed", 40)
def test_a_rabbitmq_that_is_killed_costs_no_submit_and_no_job(rabbit_trial: Trial) -> None:
    # It takes long to come back, and what comes in meanwhile has to end within the bound, too.
    judge_broker_kills(rabbit_trial, count(2, 20), extra_runs=NO_RUN, rate=10)


@fault(11, "every message gone with a backlog", 90)
def test_a_purged_rabbitmq_is_filled_again_and_hardly_a_message_is_sent_in_vain(rabbit_trial: Trial) -> None:
    def empty() -> int:
        world = rabbit_trial.world
        assert world.rabbit is not None
        look = gauge(world.redis.url, world.rabbit.url, 5.0)
        missing = sum(look.depths(["faults"])["faults"].values())
        Management(world.rabbit).purge()
        look.close()
        return missing

    judge_emptied(rabbit_trial, empty)


@fault(22, "every message three times", 40)
def test_messages_that_come_three_times_run_their_jobs_once_on_rabbitmq(rabbit_trial: Trial) -> None:
    judge_doubled(rabbit_trial)
