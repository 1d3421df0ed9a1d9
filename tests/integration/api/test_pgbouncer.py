"""The API through a real PgBouncer in transaction mode."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.integration.api.running import RunningApi, declare_tasks
from tests.support.pgbouncer_server import PgBouncerServer


def test_everything_works_through_pgbouncer(
    pgbouncer: PgBouncerServer, database_url: str, redis_url: str
) -> None:
    declare_tasks(database_url)
    url = pgbouncer.through(database_url)
    with RunningApi(url, redis_url, prepared_statements=False) as api:
        bodies = [{"task": "math.any", "input": n, "unique": {"key": f"u{n % 5}"}} for n in range(40)]
        with ThreadPoolExecutor(16) as pool:
            any_task = {"task": "math.any"}
            plain = list(
                pool.map(lambda n: api.client.post("/v1/jobs", json={**any_task, "input": n}), range(200))
            )
            unique = list(pool.map(lambda body: api.client.post("/v1/jobs", json=body), bodies))
        assert {a.status_code for a in plain} == {202}
        assert sorted(a.status_code for a in unique) == [202] * 5 + [409] * 35
        batch = api.client.post("/v1/jobs:batchCreate", json={"jobs": [{"task": "math.any"}] * 1_000})
        assert batch.json()["accepted"] == 1_000
        job_id = plain[0].json()["id"]
        assert api.client.get(f"/v1/jobs/{job_id}").json()["state"] == "queued"
        assert api.client.post(f"/v1/jobs/{job_id}:cancel").json()["state"] == "cancelled"
        assert len(api.client.get("/v1/jobs?limit=500").json()["jobs"]) == 500
        assert api.client.get("/readyz").status_code == 200
