"""POST /v1/jobs keeps a job and says so, whatever happens to the others and to the broker."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
import redis

from tests.integration.api.running import RunningApi, declare_tasks
from tests.support.databases import Databases
from windrow.api.acceptor import Acceptor
from windrow.core.coalescer import CoalescerFull
from windrow.core.errors import LedgerUnavailable
from windrow.core.record import JobRecord
from windrow.dev.postgres_server import PostgresServer
from windrow.dev.redis_server import RedisServer
from windrow.store import jobs
from windrow.store.migrate import migrate


def record(api: RunningApi, job_id: str) -> JobRecord:
    found = api.ledger.run(jobs.get, job_id)
    assert found is not None
    return found


def rows(api: RunningApi, sql: str, *params: Any) -> list[Any]:
    with psycopg.connect(api.database_url, autocommit=True) as connection:
        return connection.execute(sql, params).fetchall()


def eventually(condition: Any, seconds: float = 5.0) -> None:
    """Wait until it holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)


def test_an_accepted_job_is_in_the_ledger_and_its_message_in_the_broker(api: RunningApi) -> None:
    response = api.client.post("/v1/jobs", json={"task": "math.add", "input": {"x": 1, "y": 2}})
    assert response.status_code == 202
    body = response.json()
    assert response.headers["location"] == f"/v1/jobs/{body['id']}"
    assert body == {"id": body["id"], "state": "queued", "task": "math.add", "queue": "default"}
    kept = record(api, body["id"])
    assert (kept.task, kept.queue, kept.priority, kept.max_attempts) == ("math.add", "default", 0, 3)
    with redis.Redis.from_url(api.settings.redis_url.get_secret_value()) as client:
        eventually(lambda: any(body["id"].encode() in m for m in client.lrange("default", 0, -1)))


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "kept-while-away"}], ids=["plain", "with a key"])
def test_a_kept_job_is_answered_with_its_id_though_the_ledger_goes_away_during_the_wait(
    api: RunningApi, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str]
) -> None:
    def away(job_id: str) -> None:
        raise LedgerUnavailable("gone")

    with monkeypatch.context() as patch:
        patch.setattr(jobs, "get", away)
        response = api.client.post(
            "/v1/jobs", json={"task": "math.any"}, headers={"Prefer": "wait=1", **headers}
        )
    assert response.status_code == 202, response.text
    assert record(api, response.json()["id"]).state.is_final is False


def test_a_batch_whose_unique_jobs_find_no_room_keeps_its_others_and_says_so(
    api: RunningApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: Any) -> None:
        raise CoalescerFull("full")

    monkeypatch.setattr(Acceptor, "accept_guarded_many", full)
    wishes = [{"task": "math.any"}, {"task": "math.any", "unique": {"key": "no-room", "ttl": 60}}]
    answer = api.client.post("/v1/jobs:batchCreate", json={"jobs": wishes})
    assert answer.status_code == 202, answer.text
    kept, refused = answer.json()["outcomes"]
    assert (kept["status"], refused["status"]) == (202, 503)
    assert record(api, kept["id"]).task == "math.any"
    # Nothing at all was kept: the whole may be sent again.
    assert api.client.post("/v1/jobs:batchCreate", json={"jobs": wishes[1:]}).status_code == 503


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ({"x": 1}, [[], {"x": 1}]),
        ([1, "two"], [[1, "two"], {}]),
        ("three", [["three"], {}]),
        (4.5, [[4.5], {}]),
        (None, [[], {}]),
        ({"a\0": "\0"}, [[], {"a\0": "\0"}]),
    ],
)
def test_an_input_becomes_arguments(api: RunningApi, given: Any, stored: Any) -> None:
    job_id = api.submit(input=given)
    assert (
        json.loads(rows(api, "SELECT input FROM windrow.payloads WHERE job_id = %s", job_id)[0][0]) == stored
    )


def test_what_a_request_leaves_out_is_the_tasks_own(api: RunningApi) -> None:
    plain = record(api, api.submit("reports.render"))
    assert (plain.queue, plain.priority, plain.max_attempts) == ("reports", 5, 7)
    wished = record(
        api, api.submit("reports.render", queue="slow", priority=9, retry={"max_attempts": 2}, timeout=4)
    )
    assert (wished.queue, wished.priority, wished.max_attempts, wished.hard_limit) == ("slow", 9, 2, 4.0)
    options = rows(api, "SELECT options FROM windrow.payloads WHERE job_id = %s", plain.id)[0][0]
    assert json.loads(options) == {"retry": {"base": 2, "factor": 2, "cap": 60}}


def test_everything_that_is_asked_for_is_shown(api: RunningApi) -> None:
    run_at = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    body = {
        "run_at": run_at.isoformat(),
        "expires_at": (run_at + timedelta(hours=1)).isoformat(),
        "tags": ["a", "b"],
    }
    shown = api.client.get(f"/v1/jobs/{api.submit('math.any', **body)}").json()
    assert shown["state"] == "scheduled"
    assert shown["celery_state"] == "PENDING"
    assert datetime.fromisoformat(shown["run_at"]) == run_at
    assert shown["tags"] == ["a", "b"]
    assert shown["result"] is None


def test_a_trace_is_kept_on_its_job(api: RunningApi) -> None:
    trace = f"00-{'a' * 32}-{'b' * 16}-01"
    for header, expected in ((trace, {"traceparent": trace}), ("junk\\", None)):
        response = api.client.post("/v1/jobs", json={"task": "math.any"}, headers={"traceparent": header})
        options = rows(api, "SELECT options FROM windrow.payloads WHERE job_id = %s", response.json()["id"])[
            0
        ][0]
        assert (json.loads(options) if options else None) == expected


def test_one_poisoned_submit_of_32_refuses_none_of_the_others(api: RunningApi) -> None:
    rows_before = rows(api, "SELECT count(*) FROM windrow.jobs")[0][0]
    with psycopg.connect(api.database_url, autocommit=True) as connection:
        connection.execute(
            "ALTER TABLE windrow.payloads ADD CONSTRAINT p CHECK (input NOT LIKE '%poison%') NOT VALID"
        )
        try:
            words = ["poison" if n == 13 else "fine" for n in range(32)]
            with ThreadPoolExecutor(32) as pool:
                answers = list(
                    pool.map(
                        lambda w: api.client.post("/v1/jobs", json={"task": "math.any", "input": w}), words
                    )
                )
            batch = api.client.post(
                "/v1/jobs:batchCreate", json={"jobs": [{"task": "math.any", "input": w} for w in words]}
            )
        finally:
            connection.execute("ALTER TABLE windrow.payloads DROP CONSTRAINT p")
    assert [a.status_code for a in answers] == [422 if w == "poison" else 202 for w in words]
    assert [o["status"] for o in batch.json()["outcomes"]] == [422 if w == "poison" else 202 for w in words]
    assert rows(api, "SELECT count(*) FROM windrow.jobs")[0][0] == rows_before + 62


def test_a_batch_has_an_outcome_for_each_of_its_jobs_in_order(api: RunningApi) -> None:
    items = [
        {"task": "math.add", "input": [1, 2]},
        {"task": "math.ad"},
        {"task": "math.any", "priority": 11},
        {"task": "math.any", "delay": 60},
        "rubbish",
        {"task": "old.report"},
        {"task": "math.any", "input": "x" * (1024 * 1024 + 1)},
    ]
    response = api.client.post("/v1/jobs:batchCreate", json={"jobs": items})
    assert response.status_code == 202
    body = response.json()
    assert (body["accepted"], body["refused"]) == (2, 5)
    assert [o["status"] for o in body["outcomes"]] == [202, 404, 422, 202, 422, 422, 413]
    assert [o["index"] for o in body["outcomes"]] == list(range(7))
    assert body["outcomes"][3]["state"] == "scheduled"
    assert body["outcomes"][2]["problem"]["errors"][0]["pointer"] == "/jobs/2/priority"
    assert record(api, body["outcomes"][0]["id"]).task == "math.add"


def test_without_a_broker_a_job_is_kept_and_left_to_the_relay(start_api: Any) -> None:
    api: RunningApi = start_api(redis_url="redis://127.0.0.1:1/0")
    job_id = api.submit()
    eventually(lambda: rows(api, "SELECT published_at FROM windrow.jobs WHERE id = %s", job_id) == [(None,)])
    # From now on it knows, and does not even claim to have sent one.
    assert record(api, api.submit()).state == "queued"
    assert api.client.get("/livez").status_code == 200
    assert api.client.get("/readyz").json() == {"status": "ok", "broker": False}


def test_a_frozen_broker_is_told_of_at_once_and_readiness_is_answered_in_time(
    start_api: Any, redis_server: RedisServer
) -> None:
    api: RunningApi = start_api()
    eventually(lambda: api.client.get("/readyz").json()["broker"] is True, 20)
    redis_server.freeze()
    try:
        # Its connections stay open: only an answer that does not come tells.
        for _ in range(3):
            assert api.client.get("/readyz").json() == {"status": "ok", "broker": False}
    finally:
        redis_server.thaw()
    eventually(lambda: api.client.get("/readyz").json()["broker"] is True, 30)


def test_a_full_window_and_a_paused_queue_leave_jobs_to_the_relay(start_api: Any) -> None:
    api: RunningApi = start_api(window=5)
    unsent = "SELECT count(*) FROM windrow.jobs WHERE published_at IS NULL AND queue = %s"
    for _ in range(8):
        api.submit()
    eventually(lambda: rows(api, unsent, "default") == [(3,)])
    assert api.client.post("/v1/queues/reports:pause").status_code == 200
    for _ in range(3):
        api.submit("reports.render")
    assert rows(api, unsent, "reports") == [(3,)]


def test_without_the_ledger_nothing_is_accepted_and_the_caller_is_told_to_come_back(
    start_api: Any, postgres_server: PostgresServer
) -> None:
    api: RunningApi = start_api(api_ledger_seconds=0.5)
    api.submit()
    postgres_server.stop()
    try:
        for response in (
            api.client.post("/v1/jobs", json={"task": "math.any"}),
            api.client.post("/v1/jobs:batchCreate", json={"jobs": [{"task": "math.any"}]}),
            api.client.get("/v1/jobs"),
            api.client.get("/readyz"),
        ):
            assert response.status_code == 503
            assert int(response.headers["retry-after"]) > 0
            assert response.json()["type"] == "urn:windrow:problem:unavailable"
        assert api.client.get("/livez").status_code == 200
    finally:
        postgres_server.start()
    eventually(lambda: api.client.get("/readyz").status_code == 200, 20)
    api.submit()


def test_before_the_migration_the_api_lives_and_says_what_is_missing(
    databases: Databases, redis_url: str
) -> None:
    url = databases.create(migrated=False)
    with RunningApi(url, redis_url, api_auth=False, api_catalog_seconds=0.1) as api:
        for response in (api.client.get("/readyz"), api.client.post("/v1/jobs", json={"task": "math.any"})):
            assert response.status_code == 503
            assert "windrow migrate" in response.json()["detail"]
        assert api.client.get("/livez").status_code == 200
        migrate(url)
        declare_tasks(url)
        assert api.client.get("/readyz").status_code == 200
        api.submit()
    databases.drop(url)
