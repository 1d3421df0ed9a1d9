"""The delays app over HTTP: many requests that wait, and a real worker that does one of them at a time."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest

from tests.integration.api.hands import TOKEN, WORKER
from tests.integration.api.running import RunningApi
from tests.support.databases import Databases
from tests.support.processes import Doors
from windrow.broker.publisher import Publisher
from windrow.core.job import Outcome
from windrow.core.states import State
from windrow.core.task import Task
from windrow.dev.guard import Guard
from windrow.dev.redis_server import RedisServer
from windrow.store import catalog
from windrow.store.claim import claim
from windrow.store.finish import finish

WAITING = 200
RESULT = (
    '{"delay": 1, "waited": 1.0, "started_at": "2026-01-01T00:00:00Z", "finished_at": "2026-01-01T00:00:01Z"}'
)


def declare(api: RunningApi) -> None:
    api.ledger.run(catalog.declare, [Task("delays.process", "delays")], "delays", "1", True)


def connections(api: RunningApi) -> int:
    with psycopg.connect(api.database_url, connect_timeout=10) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        ).fetchone()
    assert row is not None
    return int(row[0])


def jobs_of(api: RunningApi, state: str) -> list[str]:
    answer = api.client.get(f"/v1/jobs?task=delays.process&state={state}&limit=200")
    return [job["id"] for job in answer.json()["jobs"]]


def until(met: Any, seconds: float = 25) -> None:
    deadline = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < deadline, "never met"
        time.sleep(0.05)


def end_well(api: RunningApi, ids: list[str]) -> None:
    """What a worker does, for all at once."""
    now = time.monotonic()
    assert len(api.ledger.run(claim, ids, WORKER, TOKEN)) == len(ids)
    ended = [
        Outcome(job, TOKEN, State.SUCCEEDED, "succeeded", started_at=now, finished_at=now, result=RESULT)
        for job in ids
    ]
    assert api.ledger.run(finish, ended, WORKER).ids == set(ids)
    publisher = Publisher(api.settings.redis_url.get_secret_value())
    publisher.publish(finished=ids)
    publisher.close()


async def post_many(api: RunningApi, count: int, seen: threading.Event) -> list[httpx.Response]:
    limits = httpx.Limits(max_connections=count)
    async with httpx.AsyncClient(base_url=api.url, limits=limits, timeout=90, trust_env=False) as client:
        asked = [asyncio.create_task(client.post("/process", json={"delay": 1})) for _ in range(count)]
        await asyncio.to_thread(seen.wait, 50)
        return list(await asyncio.gather(*asked))


@pytest.mark.timeout(120)
def test_waiting_requests_hold_no_thread_and_no_connection_and_are_woken(
    start_api: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WINDROW_DELAYS_TASK_TIMEOUT", "60")
    # A look at the ledger would come after the end of the wait: what answers is the wake-up.
    api: RunningApi = start_api(apps=("delays",), open_apps=("delays",), api_reread_seconds=100.0)
    declare(api)
    until(
        lambda: any(task["name"] == "delays.process" for task in api.client.get("/v1/tasks").json()["tasks"])
    )
    threads, held = threading.active_count(), connections(api)
    answers: list[httpx.Response] = []
    seen = threading.Event()
    asking = threading.Thread(target=lambda: answers.extend(asyncio.run(post_many(api, WAITING, seen))))
    asking.start()
    try:
        until(lambda: len(jobs_of(api, "queued")) == WAITING, 45)
        # The thread that asks, and the one that it waits in.
        assert threading.active_count() - threads <= 2 + 4
        assert connections(api) - held <= api.settings.api_connections + 1
        end_well(api, jobs_of(api, "queued"))
    finally:
        seen.set()
        asking.join(60)
    assert {answer.status_code for answer in answers} == {200}
    assert len(answers) == WAITING


def test_a_client_that_hangs_up_stops_its_job(start_api: Any) -> None:
    api: RunningApi = start_api(apps=("delays",), open_apps=("delays",))
    declare(api)
    with api.client_with(None) as client, pytest.raises(httpx.ReadTimeout):
        client.post("/process", json={"delay": 600}, timeout=1)
    until(lambda: len(jobs_of(api, "cancelled")) == 1)


def test_what_json_cannot_say_is_refused_like_the_rest(start_api: Any) -> None:
    api: RunningApi = start_api(apps=("delays",), open_apps=("delays",))
    declare(api)
    for body in (b'{"delay": NaN}', b'{"delay": -1}', b'{"delay": 3601}', b"{}"):
        answer = api.client.post("/process", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 422, body
        assert answer.json()["errors"][0]["pointer"] in ("/delay", "")
    assert jobs_of(api, "queued") == []


@pytest.fixture(scope="module")
def worked(
    databases: Databases, redis_server: RedisServer, guard: Guard, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A database on which a real worker with one child serves the queue."""
    url = databases.create()
    doors = Doors(
        guard,
        {
            "WINDROW_DATABASE_URL": url,
            "WINDROW_REDIS_URL": redis_server.url,
            "WINDROW_APPS": "delays",
            "WINDROW_POOL": "delays",
            "WINDROW_QUEUES": "delays",
            "TMPDIR": str(tmp_path_factory.mktemp("delays")),
        },
    )
    doors.start("worker", "-c", "1", timeout=50)
    yield url
    doors.close()
    databases.drop(url)


def test_one_request_runs_and_the_others_time_includes_their_wait(
    worked: str, redis_server: RedisServer
) -> None:
    async def ask(url: str) -> list[httpx.Response]:
        async with httpx.AsyncClient(base_url=url, timeout=50, trust_env=False) as client:
            return list(
                await asyncio.gather(*(client.post("/process", json={"delay": 0.6}) for _ in range(3)))
            )

    with RunningApi(worked, redis_server.url, apps=("delays",), open_apps=("delays",)) as api:
        bodies = [answer.json() for answer in asyncio.run(ask(api.url))]
    assert {body["status"] for body in bodies} == {"completed"}
    runs = sorted((body["result"]["started_at"], body["result"]["finished_at"]) for body in bodies)
    assert all(ended <= begun for (_, ended), (begun, _) in itertools.pairwise(runs))
    assert all(body["result"]["waited"] >= 0.6 for body in bodies)
    assert max(body["time"] for body in bodies) >= 3 * 0.6


def test_a_delay_longer_than_the_wait_is_202_and_stopped_where_it_runs(
    worked: str, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TASK_TIMEOUT", "2")
    with RunningApi(worked, redis_server.url, apps=("delays",), open_apps=("delays",)) as api:
        answer = api.client.post("/process", json={"delay": 3600})
        assert answer.status_code == 202
        body = answer.json()
        assert body["status"] == "pending"
        assert body["time"] >= 2
        until(lambda: api.client.get(answer.headers["Location"]).json()["state"] == "cancelled")
    monkeypatch.delenv("TASK_TIMEOUT")
    with RunningApi(worked, redis_server.url, apps=("delays",), open_apps=("delays",)) as api:
        # Its process is free again.
        assert api.client.post("/process", json={"delay": 0}).json()["status"] == "completed"


def test_a_job_past_the_route_is_refused_by_what_the_worker_told_of_its_task(
    worked: str, redis_server: RedisServer
) -> None:
    with RunningApi(worked, redis_server.url) as api:
        until(
            lambda: any(
                task["name"] == "delays.process" for task in api.client.get("/v1/tasks").json()["tasks"]
            )
        )
        before = len(api.client.get("/v1/jobs?limit=200").json()["jobs"])
        for delay in (-5, 3601, "2"):
            answer = api.client.post("/v1/jobs", json={"task": "delays.process", "input": {"delay": delay}})
            assert answer.status_code == 422, answer.text
            assert answer.json()["errors"][0]["pointer"] == "/input/delay"
        assert len(api.client.get("/v1/jobs?limit=200").json()["jobs"]) == before
