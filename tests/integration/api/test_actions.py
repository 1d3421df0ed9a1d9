"""What may be done to jobs, queues and schedules."""

from __future__ import annotations

import json
import time
from typing import Any

import psycopg
import pytest
import redis

from tests.integration.api.hands import Hands
from tests.integration.api.running import RunningApi
from windrow.core.ids import new_id
from windrow.store import jobs


def one(api: RunningApi, sql: str, *params: Any) -> Any:
    """The first row."""
    with psycopg.connect(api.database_url, autocommit=True) as connection:
        return connection.execute(sql, params).fetchone()


def next_message(listener: Any) -> tuple[str, str]:
    """Channel and payload of the next message."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        message = listener.get_message(ignore_subscribe_messages=True, timeout=0.1)
        if message:
            return message["channel"].decode(), message["data"].decode()
    raise AssertionError("no message came")


@pytest.fixture
def listener(api: RunningApi) -> Any:
    """Hears what workers and beat are told."""
    with redis.Redis.from_url(api.settings.redis_url.get_secret_value()) as client, client.pubsub() as pubsub:
        pubsub.subscribe("windrow:worker:w1", "windrow:beat", "windrow:done")
        for _ in range(3):
            pubsub.get_message(timeout=1)
        yield pubsub


@pytest.mark.parametrize("body", [{}, {"delay": 60}])
def test_a_waiting_job_is_cancelled_at_once_and_its_readers_are_told(
    api: RunningApi, listener: Any, body: dict[str, Any]
) -> None:
    job_id = api.submit(**body)
    response = api.client.post(f"/v1/jobs/{job_id}:cancel")
    assert (response.status_code, response.json()["state"]) == (202, "cancelled")
    while (heard := next_message(listener))[0] != "windrow:done":
        pass
    assert json.loads(heard[1]) == [job_id]
    assert api.client.get(f"/v1/jobs/{job_id}").json()["finished_at"]


def test_a_running_job_is_cancelled_by_its_worker_who_is_told(
    api: RunningApi, hands: Hands, listener: Any
) -> None:
    job_id = api.submit()
    hands.run(job_id)
    response = api.client.post(f"/v1/jobs/{job_id}:cancel")
    assert response.status_code == 202
    assert response.json() == {"id": job_id, "state": "running", "cancel_requested": True}
    assert next_message(listener) == ("windrow:worker:w1", "renew")
    # Asked twice is asked once.
    assert api.client.post(f"/v1/jobs/{job_id}:cancel").status_code == 202


def test_a_failed_job_runs_again_when_it_is_retried(api: RunningApi, hands: Hands, listener: Any) -> None:
    job_id = api.submit(retry={"max_attempts": 1})
    hands.run(job_id)
    hands.fail(job_id)
    while next_message(listener)[0] != "windrow:done":
        pass
    response = api.client.post(f"/v1/jobs/{job_id}:retry")
    assert (response.status_code, response.json()["state"]) == (202, "queued")
    assert next_message(listener) == ("windrow:beat", "relay")
    shown = api.client.get(f"/v1/jobs/{job_id}").json()
    assert (shown["failures"], shown["finished_at"], shown["attempt"]) == (0, None, 1)
    hands.run(job_id)
    hands.succeed(job_id)
    attempts = api.client.get(f"/v1/jobs/{job_id}/attempts").json()["attempts"]
    assert [a["outcome"] for a in attempts] == ["failed", "succeeded"]


def test_a_cancelled_job_that_is_retried_is_not_cancelled_again(api: RunningApi, hands: Hands) -> None:
    job_id = api.submit(delay=60)
    api.client.post(f"/v1/jobs/{job_id}:cancel")
    api.client.post(f"/v1/jobs/{job_id}:retry")
    hands.run(job_id)
    assert api.client.get(f"/v1/jobs/{job_id}").json()["state"] == "running"


@pytest.mark.parametrize("action", ["retry", "replay"])
def test_a_queued_job_can_be_neither_retried_nor_replayed(api: RunningApi, action: str) -> None:
    response = api.client.post(f"/v1/jobs/{api.submit()}:{action}")
    assert (response.status_code, response.json()["state"]) == (409, "queued")


def test_a_replay_is_a_new_job_that_points_at_the_old_one(api: RunningApi, hands: Hands) -> None:
    job_id = api.submit("reports.render", input={"a": [1]}, tags=["x"], timeout=9, queue="special")
    hands.run(job_id)
    hands.succeed(job_id)
    assert api.client.post(f"/v1/jobs/{job_id}:retry").status_code == 409
    response = api.client.post(f"/v1/jobs/{job_id}:replay")
    assert response.status_code == 202
    copy = api.ledger.run(jobs.get, response.json()["id"])
    assert copy is not None
    assert (copy.replay_of, copy.task, copy.queue, copy.tags) == (job_id, "reports.render", "special", ("x",))
    assert (copy.hard_limit, copy.priority, copy.max_attempts, copy.attempt) == (9.0, 5, 7, 0)
    stored = one(api, "SELECT input, options FROM windrow.payloads WHERE job_id = %s", copy.id)
    assert json.loads(stored[0]) == [[], {"a": [1]}]
    assert json.loads(stored[1])["retry"]["cap"] == 60


def test_a_replay_with_a_key_makes_one_copy_however_often_it_is_asked_for(
    api: RunningApi, hands: Hands
) -> None:
    job_id = api.submit()
    hands.run(job_id)
    hands.succeed(job_id)
    path = f"/v1/jobs/{job_id}:replay"
    first, second, other = (
        api.client.post(path, headers={"Idempotency-Key": key}) for key in ("once", "once", "twice")
    )
    assert first.status_code == second.status_code == other.status_code == 202
    assert first.json()["id"] == second.json()["id"] != other.json()["id"]
    assert api.client.post(path, headers={"Idempotency-Key": ""}).status_code == 422


def test_a_paused_queue_gives_its_messages_back(api: RunningApi, listener: Any) -> None:
    job_id = api.submit(queue="slow")
    with redis.Redis.from_url(api.settings.redis_url.get_secret_value()) as client:
        deadline = time.monotonic() + 5
        while not client.llen("slow"):
            assert time.monotonic() < deadline
        paused = api.client.post("/v1/queues/slow:pause").json()
        assert paused["paused_at"]
        assert paused["queued"] == 1
        assert not client.llen("slow")
        assert one(api, "SELECT published_at FROM windrow.jobs WHERE id = %s", job_id) == (None,)
        api.submit(queue="slow")
        assert not client.llen("slow")
    resumed = api.client.post("/v1/queues/slow:resume").json()
    assert (resumed["paused_at"], resumed["queued"]) == (None, 2)
    assert next_message(listener) == ("windrow:beat", "relay")


def test_queues_tasks_and_workers_are_listed(api: RunningApi) -> None:
    queues = {q["name"]: q for q in api.client.get("/v1/queues").json()["queues"]}
    assert {"default", "reports"} <= set(queues)
    tasks = {t["name"]: t for t in api.client.get("/v1/tasks").json()["tasks"]}
    assert tasks["math.add"]["input_schema"]["required"] == ["x", "y"]
    assert tasks["old.report"]["retired_at"]
    assert tasks["reports.render"]["retry"]["cap"] == 60
    assert api.client.get("/v1/workers").json() == {"workers": []}
    assert api.client.post("/v1/queues/nothing-here:pause").status_code == 404


def test_a_schedule_is_made_seen_changed_paused_triggered_and_deleted(api: RunningApi, listener: Any) -> None:
    body = {"id": "nightly", "task": "math.add", "input": {"x": 1, "y": 2}, "cron": "0 3 * * *"}
    made = api.client.post("/v1/schedules", json={**body, "timezone": "Europe/Berlin"})
    assert (made.status_code, made.headers["location"]) == (201, "/v1/schedules/nightly")
    assert made.json()["next_at"]
    assert api.client.post("/v1/schedules", json=body).status_code == 409
    path = "/v1/schedules/nightly"
    shown = api.client.get(path).json()
    assert shown["input"] == body["input"]
    assert (shown["kind"], shown["spec"], shown["timezone"]) == ("cron", "0 3 * * *", "Europe/Berlin")
    assert [s["id"] for s in api.client.get("/v1/schedules").json()["schedules"]] == ["nightly"]
    changed = api.client.put(path, json={"task": "math.any", "every": 30, "queue": "slow"}).json()
    assert (changed["kind"], changed["task"], changed["queue"]) == ("interval", "math.any", "slow")
    assert api.client.post(f"{path}:pause").json()["paused_at"]
    assert api.client.post(f"{path}:resume").json()["paused_at"] is None
    triggered = api.client.post(f"{path}:trigger")
    assert (triggered.status_code, triggered.json()["queue"]) == (202, "slow")
    assert api.client.get(triggered.headers["location"]).json()["task"] == "math.any"
    assert api.client.delete(path).status_code == 204
    for response in (api.client.get(path), api.client.delete(path), api.client.post(f"{path}:pause")):
        assert response.status_code == 404


@pytest.mark.parametrize(
    ("change", "status", "pointer"),
    [
        ({"cron": "0 3 * *"}, 422, "/cron"),
        ({"cron": "99 3 * * *"}, 422, "/cron"),
        ({"every": 0.01}, 422, "/every"),
        ({"every": 5, "cron": "* * * * *"}, 422, ""),
        ({}, 422, ""),
        ({"at": "2030-01-01T00:00:00"}, 422, "/at"),
        ({"every": 5, "timezone": "Mars/Olympus"}, 422, "/timezone"),
        ({"every": 5, "task": "nope"}, 404, "/task"),
        ({"every": 5, "task": "math.add"}, 422, "/input"),
        ({"every": 5, "id": "a/b"}, 422, "/id"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(
    api: RunningApi, change: dict[str, Any], status: int, pointer: str
) -> None:
    response = api.client.post("/v1/schedules", json={"id": new_id(), "task": "math.any", **change})
    assert response.status_code == status
    assert response.json()["errors"][0]["pointer"] == pointer


def test_a_schedule_of_the_code_is_not_deleted_but_may_be_changed(api: RunningApi) -> None:
    with psycopg.connect(api.database_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO windrow.schedules (id, task, kind, spec, origin) "
            "VALUES ('c', 'math.any', 'interval', '60', 'code')"
        )
    assert api.client.delete("/v1/schedules/c").status_code == 409
    assert api.client.put("/v1/schedules/c", json={"task": "math.any", "every": 5}).json()["edited"] is True
