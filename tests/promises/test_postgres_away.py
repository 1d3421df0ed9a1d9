"""Postgres goes away for three leases: nobody is taken for dead, nothing is lost, nobody hangs."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.promises.ways import BOTH_WAYS
from tests.promises.world import World
from windrow.dev.postgres_server import PostgresServer

pytestmark = pytest.mark.timeout(120)

#: A tenth of the default.
LEASE_SECONDS = 1.5
OUTAGE_SECONDS = 3 * LEASE_SECONDS
JOBS = 50
#: A request waits 1 s for a connection here (3 s by default), a statement takes 1 s + 2 s (10 s + 2 s); some of them
#: follow each other, and the rest is a slow machine's.
ANSWER_SECONDS = 20.0


@contextmanager
def outage(postgres: PostgresServer, kind: str) -> Iterator[None]:
    """`killed` and started again at its end, or `frozen`: connections stay open and nobody answers."""
    postgres.kill() if kind == "killed" else postgres.freeze()
    try:
        yield
    finally:
        postgres.start() if kind == "killed" else postgres.thaw()


def submits(client: httpx.Client, seconds: float) -> list[httpx.Response]:
    """The answers to submits that follow one another for so long."""
    answers, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        answers.append(client.post("/v1/jobs", json={"task": "echo", "input": ["during"]}))
        time.sleep(0.2)
    return answers


@BOTH_WAYS
@pytest.mark.parametrize("kind", ["killed", "frozen"])
def test_an_outage_of_three_leases_costs_none_of_fifty_running_jobs(
    world: World, postgres_server: PostgresServer, kind: str
) -> None:
    world.beat()
    worker = world.worker(pool="threads", concurrency=JOBS)
    world.api(api_ledger_seconds="1", api_statement_seconds="1")
    # Half of them end in the middle of the outage, half after it.
    ids = world.submit("nap", 3.0, "kept", count=JOBS // 2)
    ids += world.submit("nap", OUTAGE_SECONDS + 3, "kept", count=JOBS // 2)
    world.wait_state(ids, "running")
    with world.client(ANSWER_SECONDS) as client:
        assert client.post("/v1/jobs", json={"task": "echo", "input": ["before"]}).status_code == 202
        with outage(postgres_server, kind):
            answers = submits(client, OUTAGE_SECONDS)
        assert {answer.status_code for answer in answers} == {503}
        assert all(int(answer.headers["retry-after"]) > 0 for answer in answers)
        world.until(lambda: client.post("/v1/jobs", json={"task": "echo", "input": [1]}).status_code == 202)
    world.wait_final(ids)
    assert {(row["state"], row["failures"], row["attempt"], row["result"]) for row in world.jobs(ids)} == {
        ("succeeded", 0, 1, '"kept"')
    }
    assert world.lost() == (0, 0)
    assert worker.returncode is None


@pytest.mark.parametrize("kind", ["killed", "frozen"])
def test_prefork_workers_outlive_an_outage_in_the_middle_of_many_short_jobs(
    world: World, postgres_server: PostgresServer, kind: str
) -> None:
    world.beat()
    workers = [world.worker(concurrency=2) for _ in range(2)]
    ids = world.submit("nap", 0.02, "kept", count=300)
    parents = world.submit("parent", 5)
    world.until(lambda: world.states(ids).get("succeeded", 0) > 20)
    with outage(postgres_server, kind):
        time.sleep(OUTAGE_SECONDS)
    world.wait_final([*ids, *parents])
    assert {(row["state"], row["failures"], row["result"]) for row in world.jobs(ids)} == {
        ("succeeded", 0, '"kept"')
    }
    assert world.states(parents) == {"succeeded": 1}
    assert world.lost() == (0, 0)
    assert [worker.returncode for worker in workers] == [None, None]


def test_hundred_callers_at_once_get_their_503_while_postgres_is_frozen(
    world: World, postgres_server: PostgresServer
) -> None:
    world.worker()
    world.api(api_ledger_seconds="1", api_statement_seconds="1")
    answers: list[httpx.Response | Exception] = []

    def call() -> None:
        try:
            answers.append(
                httpx.post(f"{world.api_url}/v1/jobs", json={"task": "echo"}, timeout=ANSWER_SECONDS)
            )
        except Exception as exc:
            answers.append(exc)

    with outage(postgres_server, "frozen"):
        callers = [threading.Thread(target=call) for _ in range(100)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join(ANSWER_SECONDS + 5)
    assert {getattr(answer, "status_code", repr(answer)) for answer in answers} == {503}
    assert len(answers) == 100
