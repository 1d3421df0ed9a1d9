"""What cannot be accepted is refused with a problem that names the field and the fix; nothing is a 500."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.integration.api.running import RunningApi, make_key
from windrow.core.ids import lowest_id_at, new_id

MIB = 1024 * 1024


def problem(response: httpx.Response, status: int, slug: str) -> dict[str, Any]:
    """The problem that `response` must be."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["type"] == f"urn:windrow:problem:{slug}"
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    assert body["instance"].startswith("/")
    return body


def post(api: RunningApi, body: Any, path: str = "/v1/jobs") -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return api.client.post(path, content=content, headers={"content-type": "application/json"})


@pytest.mark.parametrize(
    "body", [b"", b"{", b"hello", b"\xff\xfe", b'{"task": "math.any"} x', b"{'task': 1}"]
)
def test_what_is_not_json_is_400(api: RunningApi, body: bytes) -> None:
    problem(post(api, body), 400, "malformed")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ([], ""),
        ({}, "/task"),
        ({"task": 5}, "/task"),
        ({"task": ""}, "/task"),
        ({"task": "math.any", "priority": "high"}, "/priority"),
        ({"task": "math.any", "priority": 10}, "/priority"),
        ({"task": "math.any", "priority": -1}, "/priority"),
        ({"task": "math.any", "prioritty": 1}, "/prioritty"),
        ({"task": "math.any", "queue": "unacked"}, "/queue"),
        ({"task": "math.any", "run_at": "2030-01-01T00:00:00"}, "/run_at"),
        ({"task": "math.any", "run_at": "0001-01-01T00:00:00Z"}, "/run_at"),
        ({"task": "math.any", "run_at": "9999-12-31T23:59:59-14:00"}, "/run_at"),
        ({"task": "math.any", "run_at": "2030-01-01T00:00:00Z", "delay": 1}, "/delay"),
        (
            {
                "task": "math.any",
                "run_at": "2030-01-02T00:00:00Z",
                "expires_at": "2030-01-01T00:00:00Z",
            },
            "/expires_at",
        ),
        ({"task": "math.any", "delay": -1}, "/delay"),
        ({"task": "math.any", "delay": 1e300}, "/delay"),
        ({"task": "math.any", "timeout": 0}, "/timeout"),
        ({"task": "math.any", "queue": "a b"}, "/queue"),
        ({"task": "math.any", "queue": "q:9"}, "/queue"),
        ({"task": "math.any", "tags": ["a\0b"]}, "/tags/0"),
        ({"task": "math.any", "tags": ["x"] * 21}, "/tags"),
        ({"task": "math.any\0"}, "/task"),
        ({"task": "math.any", "unique": {"key": "a\0"}}, "/unique/key"),
        ({"task": "math.any", "unique": {"key": "a", "ttl": 0}}, "/unique/ttl"),
        ({"task": "math.any", "retry": {"max_attempts": 0}}, "/retry/max_attempts"),
        ({"task": "math.add", "input": {"x": 1, "y": "two"}}, "/input/y"),
        ({"task": "math.add", "input": {"x": 1}}, "/input"),
        ({"task": "math.add", "input": [1, "two"]}, "/input/1"),
        ({"task": "math.add", "input": [1, 2, 3]}, "/input"),
        ({"task": "math.add", "input": "one"}, "/input"),
    ],
)
def test_what_does_not_validate_is_422_and_names_the_field(api: RunningApi, body: Any, pointer: str) -> None:
    errors = problem(post(api, body), 422, "invalid")["errors"]
    assert pointer in [error["pointer"] for error in errors]
    assert all(set(error) == {"pointer", "message", "fix"} for error in errors)
    assert all(error["fix"] for error in errors)


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e999"])
@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("/v1/jobs", b'{"task": "math.any", "delay": %b}', "/delay"),
        ("/v1/jobs", b'{"task": "math.any", "retry": {"base": %b}}', "/retry/base"),
        ("/v1/jobs", b'{"task": "math.any", "input": %b}', "/input"),
        ("/v1/jobs", b'{"task": "math.any", "input": ["NaN", {"a/b": [1, %b]}]}', "/input/1/a~1b/1"),
        ("/v1/jobs", b'{"task": "math.any", "input": {"x": {"y": %b}}}', "/input/x/y"),
        ("/v1/jobs", b'{"task": "math.add", "input": {"x": %b, "y": 2}}', "/input/x"),
        ("/v1/schedules", b'{"id": "s", "task": "math.any", "input": [%b], "every": 60}', "/input/0"),
        ("/v1/schedules", b'{"id": "s", "task": "math.any", "every": %b}', "/every"),
    ],
)
def test_a_number_that_is_not_finite_is_422_and_named(
    api: RunningApi, path: str, body: bytes, pointer: str, number: bytes
) -> None:
    errors = problem(post(api, body % number, path), 422, "invalid")["errors"]
    assert [error["pointer"] for error in errors] == [pointer]
    assert "finite" in errors[0]["message"]


def test_only_the_job_of_a_batch_with_a_number_that_is_not_finite_is_refused(api: RunningApi) -> None:
    jobs = b'[{"task": "math.any", "input": 1}, {"task": "math.any", "input": {"x": [1e999]}}]'
    outcomes = post(api, b'{"jobs": ' + jobs + b"}", "/v1/jobs:batchCreate").json()["outcomes"]
    assert [outcome["status"] for outcome in outcomes] == [202, 422]
    assert outcomes[1]["problem"]["errors"][0]["pointer"] == "/input/x/0"


def test_a_schedule_is_replaced_by_finite_numbers_only(api: RunningApi) -> None:
    made = {"id": "finite", "task": "math.any", "every": 3600}
    assert post(api, made, "/v1/schedules").status_code == 201
    content = b'{"task": "math.any", "every": 60, "input": [NaN]}'
    answer = api.client.put("/v1/schedules/finite", content=content)
    assert problem(answer, 422, "invalid")["errors"][0]["pointer"] == "/input/0"
    assert api.client.get("/v1/schedules/finite").json()["input"] == {}


@pytest.mark.parametrize(
    "body",
    [
        b'{"task": "math.any", "tags": ["\\ud800"]}',
        b'{"task": "math.any", "unique": {"key": "\\udfff"}}',
        b'{"task": "math.any", "input": "\\ud800"}',
        b'{"task": "math.any", "input": ' + b"9" * 5_000 + b"}",
        b'{"task": "math.any", "input": ' + b"[" * 500 + b"]" * 500 + b"}",
        b'{"task": "math.any", "input": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_json_that_nobody_can_keep_is_422(api: RunningApi, body: bytes) -> None:
    problem(post(api, body), 422, "invalid")


@pytest.mark.parametrize(
    "text",
    [
        '"NaN"',
        '{"Infinity": "-Infinity"}',
        "1.7976931348623157e308",
        "9" * 4_000,
        '{"a": 1, "a": 2}',
        '"\\u0000"',
        "[" * 150 + "]" * 150,
    ],
)
def test_odd_but_legal_json_is_kept(api: RunningApi, text: str) -> None:
    assert post(api, b'{"task": "math.any", "input": ' + text.encode() + b"}").status_code == 202


def test_an_unknown_task_is_404_with_near_names(api: RunningApi) -> None:
    body = problem(post(api, {"task": "math.ad"}), 404, "unknown-task")
    assert "'math.add'" in body["errors"][0]["fix"]


def test_a_retired_task_is_refused_with_that_reason(api: RunningApi) -> None:
    body = problem(post(api, {"task": "old.report"}), 422, "retired-task")
    assert "any more" in body["detail"]


def test_an_input_over_one_mebibyte_is_413(api: RunningApi) -> None:
    assert post(api, {"task": "math.any", "input": "x" * (MIB - 100)}).status_code == 202
    problem(post(api, {"task": "math.any", "input": "x" * MIB}), 413, "too-large")
    problem(post(api, {"task": "math.any", "input": "x" * (2 * MIB)}), 413, "too-large")
    # Two bytes a character: short enough as text, too long as bytes.
    raw = json.dumps({"task": "math.any", "input": "é" * (MIB // 2)}, ensure_ascii=False)
    problem(post(api, raw.encode()), 413, "too-large")


def test_a_body_without_length_is_cut_off_at_the_limit(api: RunningApi) -> None:
    def chunks() -> Any:
        yield b'{"task": "math.any", "input": "'
        for _ in range(40):
            yield b"x" * 65_536

    problem(api.client.post("/v1/jobs", content=chunks()), 413, "too-large")


def test_a_run_at_in_the_past_means_now(api: RunningApi) -> None:
    moment = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    response = post(api, {"task": "math.any", "run_at": moment})
    assert response.status_code == 202
    assert response.json()["state"] == "queued"


def test_a_run_at_to_come_makes_a_scheduled_job(api: RunningApi) -> None:
    moment = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    assert post(api, {"task": "math.any", "run_at": moment}).json()["state"] == "scheduled"
    assert post(api, {"task": "math.any", "delay": 60}).json()["state"] == "scheduled"


def test_a_batch_of_1001_is_refused_as_a_whole(api: RunningApi) -> None:
    item = {"task": "math.any"}
    body = problem(post(api, {"jobs": [item] * 1_001}, "/v1/jobs:batchCreate"), 422, "invalid")
    assert body["errors"][0]["pointer"] == "/jobs"
    assert post(api, {"jobs": [item] * 1_000}, "/v1/jobs:batchCreate").json()["accepted"] == 1_000
    problem(post(api, {"jobs": []}, "/v1/jobs:batchCreate"), 422, "invalid")


@pytest.mark.parametrize("cursor", ["x", "", "%00", "MTo", "not base64!", "Mjphe", "é"])
def test_a_bad_cursor_is_422(api: RunningApi, cursor: str) -> None:
    body = problem(api.client.get("/v1/jobs", params={"cursor": cursor}), 422, "invalid")
    assert body["errors"][0]["pointer"] == "?cursor"


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=501",
        "limit=x",
        "state=done",
        "task=a%00b",
        "tag=%00",
        "created_from=2030-01-01T00:00:00",
    ],
)
def test_a_bad_filter_is_422(api: RunningApi, query: str) -> None:
    problem(api.client.get(f"/v1/jobs?{query}"), 422, "invalid")


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer x",
        "Basic abc",
        "Bearer wrk_0123456789ab_" + "A" * 43,
        "wrk_x",
        "Bearer wrk_\xe9",
    ],
)
def test_a_bad_key_is_401(api: RunningApi, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header.encode("latin-1")}
    with api.client_with(None) as client:
        for response in (
            client.post("/v1/jobs", json={"task": "math.any"}, headers=headers),  # type: ignore[arg-type]
            client.get("/v1/jobs", headers=headers),  # type: ignore[arg-type]
        ):
            problem(response, 401, "unauthenticated")
            assert response.headers["www-authenticate"].startswith("Bearer")


def test_a_missing_scope_is_403_and_named(api: RunningApi) -> None:
    with api.client_with(make_key(api.database_url, "jobs:read")) as client:
        body = problem(client.post("/v1/jobs", json={"task": "math.any"}), 403, "missing-scope")
        assert body["scope"] == "jobs:write"
        assert client.get("/v1/jobs").status_code == 200
    with api.client_with(make_key(api.database_url, "jobs:write")) as client:
        assert problem(client.get("/v1/jobs"), 403, "missing-scope")["scope"] == "jobs:read"
        assert (
            problem(client.post("/v1/queues/default:pause"), 403, "missing-scope")["scope"] == "queues:write"
        )


@pytest.mark.parametrize("job_id", ["nope", new_id(), "a%00b", "x" * 400, "%ED%A0%80", "a%20b", "%2e%2e"])
@pytest.mark.parametrize("path", ["", "/result", "/attempts", "/events"])
def test_an_unknown_id_is_404(api: RunningApi, job_id: str, path: str) -> None:
    assert api.client.get(f"/v1/jobs/{job_id}{path}").status_code == 404


@pytest.mark.parametrize("action", ["cancel", "retry", "replay"])
def test_an_action_on_an_unknown_id_is_404(api: RunningApi, action: str) -> None:
    problem(api.client.post(f"/v1/jobs/{new_id()}:{action}"), 404, "unknown-job")
    assert api.client.post(f"/v1/jobs/a%00b:{action}").status_code == 404


def test_an_id_that_would_be_past_retention_is_410(api: RunningApi) -> None:
    old = lowest_id_at(datetime.now(UTC) - timedelta(days=400))
    problem(api.client.get(f"/v1/jobs/{old}"), 410, "past-retention")
    problem(api.client.get(f"/v1/jobs/{old}/result"), 410, "past-retention")
    problem(api.client.post(f"/v1/jobs/{old}:cancel"), 410, "past-retention")


def test_a_finished_job_cannot_be_cancelled(api: RunningApi) -> None:
    job_id = api.submit()
    assert api.client.post(f"/v1/jobs/{job_id}:cancel").json()["state"] == "cancelled"
    body = problem(api.client.post(f"/v1/jobs/{job_id}:cancel"), 409, "wrong-state")
    assert body["state"] == "cancelled"


def test_paths_and_methods_that_are_not_there_are_problems(api: RunningApi) -> None:
    problem(api.client.get("/nothing"), 404, "not-found")
    problem(api.client.delete("/v1/jobs"), 405, "method-not-allowed")
    response = api.client.get("/v1/jobs:batchCreate")
    problem(response, 405, "method-not-allowed")
    assert response.headers["allow"] == "POST"
