"""An outage of PostgreSQL kills nobody, and afterwards the dead are found; a frozen beat stops no other."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import psycopg
import pytest

from tests.integration.beat_world import World, wait_until
from windrow.core.errors import LedgerUnavailable
from windrow.core.job import Outcome
from windrow.core.states import State
from windrow.dev.guard import Guard
from windrow.dev.postgres_server import PostgresServer
from windrow.store.finish import finish_plain
from windrow.store.ledger import Ledger
from windrow.store.migrate import migrate
from windrow.store.workers import renew

LEASE = 4.0
RUNNING = [f"j{n:02}" for n in range(50)]


@pytest.fixture
def postgres(tmp_path_factory: pytest.TempPathFactory, guard: Guard) -> Iterator[PostgresServer]:
    """A server of its own: the tests' common one must not go away."""
    server = PostgresServer(tmp_path_factory.mktemp("outage"), usual_port=0, guard=guard)
    server.start()
    migrate(server.url)
    yield server
    server.stop()


@pytest.fixture
def world(postgres: PostgresServer, redis_url: str) -> Iterator[World]:
    world = World(postgres.url, redis_url)
    yield world
    world.close()


class Worker(threading.Thread):
    """Renews its lease as a worker does: a third of it apart, and comes back late after an outage."""

    def __init__(self, url: str, worker: str) -> None:
        super().__init__()
        self._ledger = Ledger(url)
        self._id = worker
        self.stop = threading.Event()
        #: When to try again after an outage.
        self.back = threading.Event()
        self.lost = False

    def run(self) -> None:
        while not self.stop.is_set():
            try:
                self.lost |= not self._ledger.run(renew, self._id, LEASE, 50, False, []).alive
                self.stop.wait(LEASE / 3)
            except LedgerUnavailable:
                self.back.wait(30)
        self._ledger.close()


@pytest.mark.timeout(120)
def test_an_outage_of_three_leases_loses_no_worker_and_no_result(
    world: World, postgres: PostgresServer
) -> None:
    world.accept(*RUNNING, "doomed", "canary")
    for worker in ("living", "dead", "canary"):
        world.worker(worker, LEASE)
    world.claim("canary", "canary", started=["canary"])
    token = world.claim("living", *RUNNING, started=RUNNING)
    world.claim("dead", "doomed", started=["doomed"])
    world.sql.execute(
        "UPDATE windrow.workers SET lease_until = clock_timestamp() + interval '1 h' WHERE id = 'dead'"
    )
    for _ in range(2):
        world.start(lease_seconds=LEASE)
    living = Worker(postgres.url, "living")
    living.start()
    try:
        # They have watched for a whole lease: nothing but the outage keeps them from calling anybody dead.
        wait_until(lambda: world.job("canary", "failures") == 1)
        world.sql.execute(
            "UPDATE windrow.workers SET lease_until = clock_timestamp() + interval '1 s' WHERE id = 'dead'"
        )
        postgres.kill()
        time.sleep(3 * LEASE)
        postgres.start()
        # Much later than the beats, which are back within 0.2 s: now it could be taken for dead.
        time.sleep(LEASE / 2)
        living.back.set()
        world.sql.close()
        world.sql = psycopg.connect(postgres.url, autocommit=True, connect_timeout=5)
        # The one that died in the outage is found; by then the other could have been taken for dead too.
        wait_until(lambda: world.job("doomed", "failures") == 1, 30.0)
    finally:
        living.stop.set()
        living.back.set()
        living.join(10)
    outcomes = [Outcome(job_id, token, State.SUCCEEDED, "succeeded", result="1") for job_id in RUNNING]
    ledger = Ledger(postgres.url)
    assert ledger.run(finish_plain, outcomes, "living").ids == set(RUNNING)
    ledger.close()
    assert not living.lost
    assert world.value("SELECT array_agg(id ORDER BY id) FROM windrow.workers WHERE lost") == [
        "canary",
        "dead",
    ]


@pytest.mark.timeout(120)
def test_a_beat_frozen_inside_a_transaction_stops_no_other(world: World) -> None:
    world.accept("a", delay=0.1, expires_in=0.2)
    world.worker("w1", LEASE)
    world.accept("b")
    world.claim("w1", "b", started=["b"])
    time.sleep(0.3)
    with psycopg.connect(world.database_url) as frozen:
        frozen.execute("SET idle_in_transaction_session_timeout = '3s'")
        # As `expire` and `rescue` hold them when their process is stopped half-way.
        frozen.execute("SELECT id FROM windrow.jobs FOR UPDATE")
        frozen.execute("SELECT id FROM windrow.workers FOR UPDATE")
        world.start(lease_seconds=LEASE)
        wait_until(lambda: world.state("a") == "expired", 30.0)
        wait_until(lambda: world.job("b", "failures") == 1, 30.0)
        frozen.close()
