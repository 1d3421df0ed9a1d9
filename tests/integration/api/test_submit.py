"""POST /v1/jobs keeps a job and says so."""

from __future__ import annotations

from tests.integration.api.running import RunningApi
from windrow.store import jobs


def test_an_accepted_job_is_in_the_ledger(api: RunningApi) -> None:
    response = api.client.post("/v1/jobs", json={"task": "math.add", "input": {"x": 1, "y": 2}})
    assert response.status_code == 202
    body = response.json()
    assert response.headers["location"] == f"/v1/jobs/{body['id']}"
    assert body["state"] == "queued"
    record = api.ledger.run(jobs.get, body["id"])
    assert record is not None
    assert record.task == "math.add"
