"""What the platform is to an app's routes, over HTTP and on a real ledger."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.integration.api.hands import Hands
from tests.integration.api.running import RunningApi

RICH = "tests.integration.api.rich_app:SPEC"
ALSO = "tests.integration.api.rich_app:ALSO"
OWN = "tests.integration.api.rich_app:OWN_HEADER"


@pytest.fixture
def rich(start_api: Any) -> RunningApi:
    running: RunningApi = start_api(apps=(RICH, ALSO))
    return running


def test_many_jobs_are_kept_in_one_call(rich: RunningApi) -> None:
    ids = rich.client.post("/rich/many", json=[1, 2, 3]).json()
    assert len(set(ids)) == 3
    assert sorted(rich.client.get("/rich/find?tag=many").json()) == sorted(ids)
    seen = rich.client.get(f"/rich/get-many?ids={','.join(ids)},nope,bad%00id").json()
    assert seen == dict.fromkeys(ids, "queued")


def test_of_many_jobs_with_a_bad_one_none_is_kept(rich: RunningApi) -> None:
    refused = rich.client.post("/rich/many?id_prefix=no%20space", json=[1, 2])
    assert refused.status_code == 422
    assert rich.client.get("/rich/find?tag=many").json() == []


def test_a_job_id_of_the_callers_own_is_one_job(rich: RunningApi) -> None:
    first = rich.client.post("/rich/one?job_id=summarize_1_2&time_limit=40").json()
    assert first == {
        "id": "summarize_1_2",
        "state": "queued",
        "limit": 40.0,
        "max_attempts": 7,
        "result": None,
    }
    assert rich.client.post("/v1/jobs/summarize_1_2:cancel").status_code == 202
    again = rich.client.post("/rich/one?job_id=summarize_1_2").json()
    assert (again["id"], again["state"], again["limit"]) == ("summarize_1_2", "cancelled", 40.0)


def test_a_wait_ends_with_the_job(rich: RunningApi) -> None:
    job = rich.client.post("/rich/one").json()["id"]
    assert rich.client.get(f"/rich/wait/{job}?seconds=0.1").json()["state"] == "queued"
    Hands(rich).finish_later(job, 0.2)
    began = time.monotonic()
    assert rich.client.get(f"/rich/wait/{job}?seconds=30").json()["result"] == 3
    assert time.monotonic() - began < 20
    assert rich.client.get("/rich/wait/nope?seconds=1").json() is None


def test_a_cancel_says_what_it_found_and_may_spare_what_runs(rich: RunningApi) -> None:
    waiting, held = (rich.client.post("/rich/one").json()["id"] for _ in range(2))
    assert rich.client.post(f"/rich/cancel/{waiting}?running=false").json() == ["queued", "cancelled"]
    assert rich.client.post(f"/rich/cancel/{waiting}").json() == ["cancelled", "cancelled"]
    Hands(rich).run(held)
    assert rich.client.post(f"/rich/cancel/{held}?running=false").json() == ["running", "running"]
    assert rich.client.get(f"/v1/jobs/{held}").json()["cancel_requested"] is False
    assert rich.client.post(f"/rich/cancel/{held}").json() == ["running", "running"]
    assert rich.client.get(f"/v1/jobs/{held}").json()["cancel_requested"] is True
    assert rich.client.post("/rich/cancel/nope").json() is None


def test_a_router_lives_with_the_api_and_sees_its_surroundings(rich: RunningApi) -> None:
    assert rich.client.get("/rich/lived").json() == ["opened"]
    around = rich.client.get("/rich/around").json()
    assert around == {"workers": [], "queues": ["default", "reports"]}


def test_a_shared_router_is_there_once(rich: RunningApi) -> None:
    assert rich.client.get("/shared").json() == "once"
    paths = [route for route in rich.client.get("/openapi.json").json()["paths"] if route == "/shared"]
    assert paths == ["/shared"]


def test_a_route_may_take_longer_bodies_than_the_others(rich: RunningApi) -> None:
    assert rich.client.post("/rich/big", json=["x" * 1_500_000]).json() == 1
    assert rich.client.post("/rich/big", json=["x" * 2_000_000]).status_code == 413
    assert rich.client.post("/rich/many", json=["x" * 1_500_000]).status_code == 413
    unannounced = rich.client.post("/rich/big", content=iter([b"x" * 900_000] * 3))
    assert unannounced.status_code == 413
    assert "2000000" in unannounced.text.replace(",", "").replace("_", "")


def test_a_route_knows_its_caller_where_one_is_asked_for(start_api: Any) -> None:
    keyed: RunningApi = start_api(apps=(RICH, OWN), open_apps=("own",))
    assert keyed.client.get("/rich/caller").json() == keyed.key.split("_")[1]
    with keyed.client_with(None) as nobody:
        refused = nobody.get("/own/caller", headers={"Authorization": f"Bearer {keyed.key}"})
        assert refused.status_code == 401
        assert "X-API-Key" in refused.json()["detail"]
        wrong = nobody.get("/own/caller", headers={"X-API-Key": "wrong"})
        assert "X-API-Key" in wrong.json()["detail"]
        own = nobody.get("/own/caller", headers={"X-API-Key": keyed.key})
        assert own.json() == keyed.key.split("_")[1]
    open_api: RunningApi = start_api(apps=(RICH,), open_apps=("rich",))
    assert open_api.client.get("/rich/caller").json() is None


def test_a_body_that_is_not_sent_as_json_is_told_so(rich: RunningApi) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    refused = rich.client.post("/rich/big", content=b'["a"]', headers=headers)
    assert refused.status_code == 422
    assert "Content-Type: application/json" in refused.json()["errors"][0]["fix"]
