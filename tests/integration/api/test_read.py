"""Jobs as they are shown: one, lists, results, attempts, and waiting for them."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.api.hands import Hands
from tests.integration.api.running import RunningApi, make_key


def test_a_job_is_shown_from_queued_to_succeeded(api: RunningApi, hands: Hands) -> None:
    job_id = api.submit("math.add", input=[1, 2])
    path = f"/v1/jobs/{job_id}"
    assert api.client.get(path).json()["state"] == "queued"
    early = api.client.get(f"{path}/result")
    assert (early.status_code, early.json()["state"]) == (409, "queued")
    hands.run(job_id)
    hands.report(job_id, '{"current": 1}')
    running = api.client.get(path).json()
    assert (running["state"], running["celery_state"], running["attempt"]) == ("running", "PROGRESS", 1)
    assert running["progress"]["value"] == {"current": 1}
    assert running["worker"] == "w1"
    hands.succeed(job_id, '{"sum": 3}')
    done = api.client.get(path).json()
    assert (done["state"], done["result"], done["error"]) == ("succeeded", {"sum": 3}, None)
    assert api.client.get(f"{path}/result").json() == {"sum": 3}
    attempts = api.client.get(f"{path}/attempts").json()["attempts"]
    assert [(a["attempt"], a["outcome"], a["error"]) for a in attempts] == [(1, "succeeded", None)]


def test_a_failed_job_is_shown_with_its_error_and_has_no_result(api: RunningApi, hands: Hands) -> None:
    job_id = api.submit()
    hands.run(job_id)
    hands.fail(job_id, "half a \ud800 pair")
    response = api.client.get(f"/v1/jobs/{job_id}")
    assert response.status_code == 200
    assert response.json()["state"] == "failed"
    assert response.json()["error"]["type"] == "ValueError"
    result = api.client.get(f"/v1/jobs/{job_id}/result")
    assert (result.status_code, result.json()["type"]) == (409, "urn:windrow:problem:no-result")
    attempt = api.client.get(f"/v1/jobs/{job_id}/attempts").json()["attempts"][0]
    assert (attempt["outcome"], attempt["error"]["traceback"]) == ("failed", "Traceback …")


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ("NaN", None),
        ("[Infinity, 1]", [None, 1]),
        ('"\\ud800"', "\ud800"),
        ('"\\u0000"', "\0"),
        ("null", None),
    ],
)
def test_a_result_that_json_has_no_word_for_is_still_json(
    api: RunningApi, hands: Hands, stored: str, shown: object
) -> None:
    job_id = api.submit()
    hands.run(job_id)
    hands.succeed(job_id, stored)
    assert api.client.get(f"/v1/jobs/{job_id}/result").json() == shown
    assert api.client.get(f"/v1/jobs/{job_id}").json()["result"] == shown


def test_waiting_ends_with_the_job(api: RunningApi, hands: Hands) -> None:
    job_id = api.submit()
    hands.finish_later(job_id, 0.3)
    response = api.client.get(f"/v1/jobs/{job_id}", headers={"Prefer": "respond-async, wait=5"})
    assert (response.status_code, response.json()["state"]) == (200, "succeeded")
    assert response.headers["preference-applied"] == "wait=5"


def test_a_lost_wake_up_costs_a_re_read_and_nothing_more(api: RunningApi, hands: Hands) -> None:
    job_id = api.submit()
    hands.finish_later(job_id, 0.2, told=False)
    assert api.client.get(f"/v1/jobs/{job_id}/result", headers={"Prefer": "wait=5"}).json() == 3


def test_a_wait_is_no_longer_than_asked_for_and_than_the_setting(api: RunningApi) -> None:
    job_id = api.submit()
    response = api.client.get(f"/v1/jobs/{job_id}", headers={"Prefer": "wait=0"})
    assert (response.json()["state"], response.headers["preference-applied"]) == ("queued", "wait=0")
    for wish in ("wait=999999999", 'WAIT="7"'):
        header = {"Prefer": wish}
        thread = threading.Timer(0.2, lambda: api.client.post(f"/v1/jobs/{job_id}:cancel"))
        thread.start()
        assert api.client.get(f"/v1/jobs/{job_id}", headers=header).headers["preference-applied"] == "wait=5"
        thread.join()
    for wish in ("wait", "wait=-1", "wait=x", "handling=strict"):
        assert (
            "preference-applied" not in api.client.get(f"/v1/jobs/{job_id}", headers={"Prefer": wish}).headers
        )


def test_a_submit_that_waits_is_200_with_the_result_or_202_without(api: RunningApi, hands: Hands) -> None:
    late = api.client.post("/v1/jobs", json={"task": "math.any"}, headers={"Prefer": "wait=0"})
    assert (late.status_code, late.headers["preference-applied"]) == (202, "wait=0")

    tag = f"t{time.monotonic_ns()}"

    def work() -> None:
        while not (found := api.client.get("/v1/jobs", params={"tag": tag}).json()["jobs"]):
            time.sleep(0.02)
        hands.run(found[0]["id"])
        hands.succeed(found[0]["id"], '"done"')

    thread = threading.Thread(target=work)
    thread.start()
    body = {"task": "math.any", "tags": [tag]}
    response = api.client.post("/v1/jobs", json=body, headers={"Prefer": "wait=5"})
    thread.join()
    assert (response.status_code, response.json()["result"]) == (200, "done")
    assert response.headers["location"] == f"/v1/jobs/{response.json()['id']}"


def test_pages_follow_each_other_and_lose_nothing(api: RunningApi) -> None:
    ids = [api.submit(tags=["paged"]) for _ in range(7)]
    api.submit(tags=["other"])
    seen: list[str] = []
    path = "/v1/jobs?tag=paged&limit=3"
    pages = 0
    while path:
        response = api.client.get(path)
        seen += [job["id"] for job in response.json()["jobs"]]
        pages += 1
        link = response.headers.get("link", "")
        assert bool(link) == (response.json()["next"] is not None)
        path = link.partition("<")[2].partition(">")[0]
    assert (pages, seen) == (3, sorted(ids, reverse=True))


def test_filters_narrow_a_list(api: RunningApi, hands: Hands) -> None:
    job_id = api.submit("reports.render", queue="narrow", tags=["narrow"])
    other = api.submit("math.any", queue="narrow", delay=60)

    def ids(**query: object) -> list[str]:
        found = api.client.get("/v1/jobs", params={"queue": "narrow", **query})  # type: ignore[dict-item]
        return [job["id"] for job in found.json()["jobs"]]

    assert ids() == [other, job_id]
    assert ids(task="reports.render") == [job_id]
    assert ids(state="scheduled") == [other]
    assert ids(state=["scheduled", "queued"]) == [other, job_id]
    assert ids(tag="narrow") == [job_id]
    now = datetime.now(UTC)
    assert ids(created_from=(now + timedelta(hours=1)).isoformat()) == []
    assert ids(created_from=(now - timedelta(hours=1)).isoformat()) == [other, job_id]
    assert ids(created_before=(now - timedelta(hours=1)).isoformat()) == []
    assert ids(created_before="9999-12-31T23:59:59Z", created_from="0001-01-01T00:00:00Z") == [other, job_id]
    hands.run(job_id)
    assert ids(state="running") == [job_id]


def test_without_the_right_to_read_a_wait_tells_no_result(api: RunningApi, hands: Hands) -> None:
    body = {"task": "math.any"}
    with (
        api.client_with(make_key(api.database_url, "jobs:write")) as writer,
        api.client_with(make_key(api.database_url, "jobs:write", "jobs:read")) as reader,
    ):
        for client, status in ((writer, 202), (reader, 200)):
            job_id = client.post("/v1/jobs", json=body, headers={"Idempotency-Key": "once"}).json()["id"]
            hands.run(job_id)
            hands.succeed(job_id, '"secret"')
            again = client.post(
                "/v1/jobs", json=body, headers={"Idempotency-Key": "once", "Prefer": "wait=5"}
            )
            assert (again.status_code, again.json()["id"]) == (status, job_id)
            assert ("secret" in again.text) == (status == 200)
            assert ("preference-applied" in again.headers) == (status == 200)
        # Nor does it wait for a new one.
        late = writer.post("/v1/jobs", json=body, headers={"Prefer": "wait=5"})
        assert (late.status_code, set(late.json())) == (202, {"id", "state", "task", "queue"})
