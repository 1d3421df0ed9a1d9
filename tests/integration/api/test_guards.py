"""Idempotency keys and unique keys: one job, however often and however concurrently it is asked for."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.integration.api.running import RunningApi, make_key
from windrow.core.ids import new_id


def post(
    api: RunningApi, key: str | None = None, client: httpx.Client | None = None, **body: Any
) -> httpx.Response:
    headers = {"Idempotency-Key": key} if key is not None else {}
    return (client or api.client).post("/v1/jobs", json={"task": "math.any", **body}, headers=headers)


def test_the_same_key_and_body_is_the_same_job(api: RunningApi) -> None:
    key = new_id()
    first = post(api, key, input={"a": 1, "b": 2}, tags=["x"])
    again = post(api, key, tags=["x"], input={"b": 2, "a": 1})
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.json() == first.json()
    assert again.headers["location"] == first.headers["location"]


def test_the_same_key_with_another_body_is_422(api: RunningApi) -> None:
    key = new_id()
    first = post(api, key, input=1)
    other = post(api, key, input=2)
    assert (other.status_code, other.json()["type"]) == (422, "urn:windrow:problem:idempotency-key-reused")
    assert post(api, key, input=1).json()["id"] == first.json()["id"]


def test_a_key_belongs_to_its_caller(api: RunningApi) -> None:
    key = new_id()
    with api.client_with(make_key(api.database_url, "jobs:write")) as somebody:
        assert post(api, key).json()["id"] != post(api, key, somebody).json()["id"]


def test_a_key_is_forgotten_after_its_time(start_api: Any) -> None:
    api: RunningApi = start_api(api_idempotency_seconds=0.2)
    first = post(api, "k", input=1).json()["id"]
    time.sleep(0.3)
    assert post(api, "k", input=2).json()["id"] != first


def test_concurrent_requests_with_one_key_make_one_job(api: RunningApi) -> None:
    keys = [new_id() for _ in range(10)]
    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda n: post(api, keys[n % 10], input=n % 10), range(80)))
    assert {a.status_code for a in answers} == {202}
    assert len({a.json()["id"] for a in answers}) == 10


def test_two_processes_with_one_key_make_one_job(start_api: Any) -> None:
    apis: list[RunningApi] = [start_api(api_auth=False), start_api(api_auth=False)]
    with ThreadPoolExecutor(32) as pool:
        answers = list(
            pool.map(
                lambda n: post(apis[n % 2], f"k{n % 7}", input=n % 7, unique={"key": f"u{n % 7}"}), range(140)
            )
        )
    assert {a.status_code for a in answers} == {202}
    assert len({a.json()["id"] for a in answers}) == 7


def test_a_key_that_cannot_be_kept_is_422(api: RunningApi) -> None:
    for key in ("", "x" * 256, "é", "a\tb"):
        response = api.client.post(
            "/v1/jobs", json={"task": "math.any"}, headers={b"Idempotency-Key": key.encode("latin-1")}
        )
        assert response.status_code == 422, key


def test_a_taken_unique_key_is_409_with_a_link_to_its_job(api: RunningApi) -> None:
    key = new_id()
    first = post(api, unique={"key": key, "ttl": 60})
    second = post(api, unique={"key": key, "ttl": 60}, input="other")
    assert (second.status_code, second.json()["id"]) == (409, first.json()["id"])
    assert first.json()["id"] in second.headers["link"]
    existing = post(api, unique={"key": key, "on_conflict": "existing"})
    assert (existing.status_code, existing.json()["id"]) == (202, first.json()["id"])
    # Another task's key of the same name is another key.
    assert post(api, unique={"key": key}, task="reports.render").status_code == 202


def test_a_unique_key_is_free_again_after_its_time(api: RunningApi) -> None:
    key = new_id()
    first = post(api, unique={"key": key, "ttl": 1})
    time.sleep(1.1)
    second = post(api, unique={"key": key, "ttl": 1})
    assert (second.status_code, first.json()["id"] == second.json()["id"]) == (202, False)


def test_a_refused_job_leaves_no_key_behind(api: RunningApi) -> None:
    unique, key = new_id(), new_id()
    post(api, unique={"key": unique})
    assert post(api, key, unique={"key": unique}).status_code == 409
    # The key was not used up: with another body it is a new request.
    assert post(api, key, input="else").status_code == 202


def test_a_batch_keeps_one_job_for_each_name_in_it(api: RunningApi) -> None:
    unique = new_id()
    items = [{"task": "math.any", "input": n, "unique": {"key": unique, "on_conflict": how}} for n, how in
             enumerate(["reject", "reject", "existing"])]  # fmt: skip
    outcomes = api.client.post("/v1/jobs:batchCreate", json={"jobs": items}).json()["outcomes"]
    assert [o["status"] for o in outcomes] == [202, 409, 202]
    assert outcomes[2]["id"] == outcomes[0]["id"] == outcomes[1]["problem"]["id"]


@pytest.mark.parametrize("length", [36, 255])
def test_a_repeated_batch_is_the_same_batch(api: RunningApi, length: int) -> None:
    headers = {"Idempotency-Key": new_id().ljust(length, "-")}
    body = {"jobs": [{"task": "math.any", "input": n} for n in range(5)]}
    first = api.client.post("/v1/jobs:batchCreate", json=body, headers=headers).json()
    assert api.client.post("/v1/jobs:batchCreate", json=body, headers=headers).json() == first
    assert len({o["id"] for o in first["outcomes"]}) == 5


def test_no_key_of_a_submit_is_that_of_a_place_in_a_batch(api: RunningApi) -> None:
    key = new_id()
    body = {"jobs": [{"task": "math.any"}]}
    batch = api.client.post("/v1/jobs:batchCreate", json=body, headers={"Idempotency-Key": key}).json()
    assert post(api, f"{key}#0").json()["id"] != batch["outcomes"][0]["id"]


def test_a_repeated_submit_that_waits_is_answered_as_the_first_would_be(api: RunningApi) -> None:
    key = new_id()
    job_id = post(api, key).json()["id"]
    api.client.post(f"/v1/jobs/{job_id}:cancel")
    response = api.client.post(
        "/v1/jobs", json={"task": "math.any"}, headers={"Idempotency-Key": key, "Prefer": "wait=1"}
    )
    assert (response.status_code, response.json()["id"], response.json()["state"]) == (
        200,
        job_id,
        "cancelled",
    )
