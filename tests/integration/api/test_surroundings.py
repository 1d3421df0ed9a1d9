"""Apps, health, metrics and the documentation."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.api.running import RunningApi, make_key
from windrow.api.app import create_app
from windrow.api.settings import ApiSettings

DEMO = "tests.integration.api.demo_app:SPEC"


def test_an_apps_routes_submit_and_see_jobs(start_api: Any) -> None:
    api: RunningApi = start_api(apps=(DEMO,))
    made = api.client.post("/demo/math.add?x=1")
    assert (made.status_code, made.json()["state"]) == (200, "queued")
    assert api.client.get(f"/demo/{made.json()['id']}").json() == {"celery_state": "PENDING", "tags": "demo"}
    assert api.client.get("/demo/nope%00").json() is None
    assert api.client.post("/demo/math.add?x=1&delay=60").json()["state"] == "scheduled"
    refused = api.client.post("/demo/math.ad?x=1")
    assert (refused.status_code, refused.json()["type"]) == (404, "urn:windrow:problem:unknown-task")
    refused = api.client.post("/demo/math.add?x=one")
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "?x")
    assert api.client.post("/demo/math.add?x=1&delay=-1").status_code == 422


def test_an_apps_bodies_are_bounded_too(start_api: Any) -> None:
    api: RunningApi = start_api(apps=(DEMO,))
    assert api.client.post("/demo", json=["a"]).json() == 1
    refused = api.client.post("/demo", json=["x" * 2_000_000])
    assert (refused.status_code, refused.json()["type"]) == (413, "urn:windrow:problem:too-large")
    refused = api.client.post(
        "/demo", content=iter([b"x" * 600_000] * 2), headers={"content-type": "application/json"}
    )
    assert (refused.status_code, refused.json()["type"]) == (413, "urn:windrow:problem:too-large")
    refused = api.client.post("/demo", content=b"[", headers={"content-type": "application/json"})
    assert (refused.status_code, refused.json()["type"]) == (400, "urn:windrow:problem:malformed")


def test_an_apps_routes_need_a_key_unless_they_are_open(start_api: Any) -> None:
    api: RunningApi = start_api(apps=(DEMO,))
    with api.client_with(None) as nobody, api.client_with(make_key(api.database_url, "jobs:read")) as reader:
        assert nobody.post("/demo/math.add?x=1").status_code == 401
        assert reader.post("/demo/math.add?x=1").status_code == 403
        assert reader.get("/demo/nope").status_code == 200
    open_api: RunningApi = start_api(apps=(DEMO,), open_apps=("demo",))
    with open_api.client_with(None) as nobody:
        assert nobody.post("/demo/math.add?x=1").status_code == 200
        assert nobody.get("/v1/jobs").status_code == 401


def test_an_app_that_is_not_there_is_said_at_start() -> None:
    settings = ApiSettings(database_url="postgresql://x", redis_url="redis://x", apps=("nope",))
    with pytest.raises(LookupError, match="nope"):
        create_app(settings)


def test_settings_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "DATABASE_URL": "postgresql://d",
        "REDIS_URL": "redis://r",
        "APPS": "parse, todos",
        "OPEN_APPS": "parse",
    }.items():
        monkeypatch.setenv(f"WINDROW_{name}", value)
    settings = ApiSettings()
    assert (settings.apps, settings.open_apps) == (("parse", "todos"), ("parse",))
    assert "postgresql" not in repr(settings.database_url)


def test_metrics_count_requests_by_route_and_nothing_that_a_caller_invents(api: RunningApi) -> None:
    job_id = api.submit()
    api.client.get(f"/v1/jobs/{job_id}")
    api.client.get("/v1/jobs/nope")
    api.client.get("/invented/path")
    api.client.request("INVENTED", "/livez")
    text = api.client.get("/metrics").text
    assert 'windrow_http_requests_total{method="POST",route="/v1/jobs",status="202"}' in text
    assert 'windrow_http_requests_total{method="GET",route="/v1/jobs/{job_id}",status="200"}' in text
    assert 'windrow_http_requests_total{method="GET",route="/v1/jobs/{job_id}",status="404"}' in text
    assert 'windrow_http_request_seconds_count{method="POST",route="/v1/jobs"}' in text
    assert "invented" not in text.lower()
    assert "windrow_jobs_accepted_total" in text


def test_probes_need_no_key(api: RunningApi) -> None:
    with api.client_with(None) as nobody:
        assert nobody.get("/livez").json() == {"status": "ok"}
        assert nobody.get("/readyz").json() == {"status": "ok", "broker": True}
        assert nobody.get("/metrics").status_code == 200


def test_the_documentation_needs_no_other_server(api: RunningApi) -> None:
    with api.client_with(None) as nobody:
        page = nobody.get("/docs")
        assert page.status_code == 200
        assert "https://" not in page.text
        for asset in ("swagger-ui-bundle.js", "swagger-ui.css", "favicon.png"):
            assert f"/docs/assets/{asset}" in page.text
            assert nobody.get(f"/docs/assets/{asset}").status_code == 200
        document = nobody.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    submit = document["paths"]["/v1/jobs"]["post"]
    assert submit["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith("/JobRequest")
    assert {"200", "202", "400", "401", "403", "404", "409", "413", "422", "503"} <= set(submit["responses"])
    assert [p["name"] for p in submit["parameters"]] == ["Idempotency-Key", "Prefer"]
    assert "HTTPValidationError" not in document["components"]["schemas"]
