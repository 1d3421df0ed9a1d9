"""PostgreSQL fails over to its standby under load: nothing is lost with a synchronous one, and what an asynchronous
one did not get yet is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.faults.births import Nursery
from tests.faults.conftest import which
from tests.faults.rows import Rows
from tests.faults.sizes import FULL
from tests.faults.trial import Trial, fault
from tests.faults.ways import DIRECT, open_world
from tests.faults.world import World
from tests.support.fixtures import TEST_POSTGRES
from tests.support.postgres_standby import StandbyServer
from windrow.dev.postgres_server import PostgresServer
from windrow.store.migrate import migrate

pytestmark = pytest.mark.timeout(0 if FULL else 300)

#: Seconds of writes that the asynchronous standby has not when its primary dies.
BEHIND_SECONDS = 1.5


class Pair(NamedTuple):
    """Two servers, the stack on both, and the rows."""

    primary: PostgresServer
    standby: StandbyServer
    world: World
    trial: Trial


@pytest.fixture
def pair(
    nursery: Nursery,
    tmp_path_factory: pytest.TempPathFactory,
    rows: Rows,
    seed: int,
    request: pytest.FixtureRequest,
) -> Iterator[Pair]:
    """The doors know both servers by one address, and take the one that writes."""
    folder = tmp_path_factory.mktemp("pair")
    options = {**TEST_POSTGRES, "wal_keep_size": "256MB"}
    primary = PostgresServer(folder / "one", usual_port=0, guard=nursery.guard, options=options)
    primary.start()
    standby = StandbyServer(folder / "two", primary, guard=nursery.guard, options=options)
    standby.start()
    try:
        with psycopg.connect(primary.url, autocommit=True) as connection:
            if "synchronous" in request.node.name.split("_"):
                connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
                connection.execute("SELECT pg_reload_conf()")
        url = both(primary, standby)
        migrate(url)
        with open_world(DIRECT, primary, url, nursery, make(folder / "world")) as world:
            yield Pair(primary, standby, world, Trial(world, rows, which(request), seed))
    finally:
        standby.stop()
        primary.stop()


def make(folder: Path) -> Path:
    folder.mkdir()
    return folder


def both(one: PostgresServer, two: PostgresServer) -> str:
    """The address of whichever of them takes writes."""
    first, second = urlsplit(one.url), urlsplit(two.url)
    hosts = f"{first.hostname}:{first.port},{second.hostname}:{second.port}"
    login = f"{first.username}:{first.password}"
    return f"postgresql://{login}@{hosts}{first.path}?target_session_attrs=read-write"


@fault(17, "failover to a synchronous standby", 60)
def test_a_failover_to_a_synchronous_standby_loses_no_accepted_job(pair: Pair) -> None:
    with pair.trial.load():
        time.sleep(2.0)
        pair.primary.kill()
        pair.standby.promote()
        pair.world.killed()
        time.sleep(1.0)
    pair.trial.judge()
    assert pair.trial.deaths() == 0


@fault(17, "failover to an asynchronous standby", 60)
def test_a_failover_to_a_lagging_standby_loses_only_what_it_did_not_get_and_leaves_nothing_running(
    pair: Pair,
) -> None:
    with pair.trial.load(kinds={"add": 3, "slow": 3, "long": 1}, rate=15):
        time.sleep(1.0)
        pair.standby.cut()
        # What the primary commits now dies with it.
        time.sleep(BEHIND_SECONDS)
        pair.primary.kill()
        pair.standby.promote()
        pair.world.killed()
        time.sleep(1.0)
    pair.trial.note = f"the standby was {BEHIND_SECONDS:g} s behind"
    line = pair.trial.judge(may_lose=True)
    # What was accepted in those seconds, and nothing else.
    assert 0 < line.lost < line.accepted / 2
    assert pair.trial.deaths() == 0
