"""Traces: from a caller's request over the ledger to each attempt, and on to what it submits; off, nothing is there."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from tests.integration.beat_world import wait_until
from tests.support.databases import Databases
from tests.support.otlp_receiver import OtlpReceiver, Received
from tests.support.processes import Doors
from windrow.dev.guard import Guard
from windrow.dev.ports import free_port
from windrow.dev.redis_server import RedisServer

pytestmark = pytest.mark.timeout(180)
ROOT = Path(__file__).parents[2]
SERVER, CONSUMER = 2, 5
CALLER = "b7ad6b7169203331"


class Traced:
    """An API and two workers: the one of the queue `default` traces, that of `dark` does not."""

    def __init__(self, receiver: OtlpReceiver, api_url: str, database_url: str, doors: Doors) -> None:
        self.receiver = receiver
        self.doors = doors
        self._database_url = database_url
        self.client = httpx.Client(base_url=api_url, timeout=60, trust_env=False)

    def run(self, task: str, **fields: Any) -> tuple[str, dict[str, Any]]:
        """A trace's id, and the job that was asked for in it, at its end."""
        trace_id = os.urandom(16).hex()
        headers = {"traceparent": f"00-{trace_id}-{CALLER}-01"}
        answer = self.client.post("/v1/jobs", json={"task": task, **fields}, headers=headers)
        assert answer.status_code == 202, answer.text
        return trace_id, self.final(answer.json()["id"])

    def final(self, job_id: str) -> dict[str, Any]:
        wait_until(lambda: self._job(job_id)["state"] in ("succeeded", "failed"), timeout=60)
        return self._job(job_id)

    def spans(self, name: str, trace_id: str, count: int = 1) -> list[Received]:
        """The spans of that name, once so many were received."""
        wait_until(lambda: len(self.receiver.named(name, trace_id)) >= count, timeout=60)
        found = self.receiver.named(name, trace_id)
        assert len(found) == count, found
        return found

    def traceparents(self, root_id: str) -> list[str]:
        """Of the jobs that came of that one."""
        with psycopg.connect(self._database_url) as connection:
            rows = connection.execute(
                "SELECT p.options FROM windrow.payloads p JOIN windrow.jobs j ON j.id = p.job_id "
                "WHERE j.root_id = %s OR j.parent_id = %s",
                (root_id, root_id),
            ).fetchall()
        return [json.loads(options or "{}").get("traceparent", "") for (options,) in rows]

    def _job(self, job_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client.get(f"/v1/jobs/{job_id}", headers={"Prefer": "wait=5"}).json()
        return found


@pytest.fixture(scope="module")
def traced(
    databases: Databases, redis_server: RedisServer, guard: Guard, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Traced]:
    folder, port = tmp_path_factory.mktemp("traces"), free_port()
    database_url = databases.create()
    env = {
        "WINDROW_DATABASE_URL": database_url,
        "WINDROW_REDIS_URL": redis_server.url,
        "WINDROW_LOG_FORMAT": "json",
        "WINDROW_API_AUTH": "false",
        "WINDROW_API_PORT": str(port),
        "WINDROW_API_CATALOG_SECONDS": "0.3",
        "WINDROW_APPS": "tests.support.tracing_tasks:SPEC",
        "WINDROW_CONCURRENCY": "1",
        "PYTHONPATH": str(ROOT),
        "TMPDIR": str(folder),
    }
    doors = Doors(guard, env)
    with OtlpReceiver() as receiver:
        on = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}
        api = doors.start("api", env=on, ready="")
        worker = doors.start("worker", "-Q", "default", env=on, ready="")
        dark = doors.start("worker", "-Q", "dark", "--pool", "dark", ready="")
        beat = doors.start("beat", f"--pidfile={folder / 'beat.pid'}", ready="")
        for door in (api, worker, dark, beat):
            door.expect(r"(?i)running|ready|starting", 90)
        stack = Traced(receiver, f"http://127.0.0.1:{port}", database_url, doors)
        wait_until(lambda: bool(stack.client.get("/v1/tasks").json()["tasks"]), timeout=60)
        yield stack
        stack.client.close()
        doors.close()
    databases.drop(database_url)


def test_an_attempt_is_a_child_of_its_request_and_a_tasks_spans_are_its_children(traced: Traced) -> None:
    trace_id, job = traced.run("outer")
    (request,) = traced.spans("POST /v1/jobs", trace_id)
    assert (request.service, request.kind, request.parent_id) == ("windrow-api", SERVER, CALLER)
    assert request.attributes["http.response.status_code"] == 202
    (attempt,) = traced.spans("run outer", trace_id)
    assert (attempt.service, attempt.kind) == ("windrow-worker", CONSUMER)
    assert attempt.parent_id == request.span_id
    assert not attempt.failed
    expected = {
        "messaging.system": "windrow",
        "messaging.operation.type": "process",
        "messaging.destination.name": "default",
        "messaging.message.id": job["id"],
        "windrow.task": "outer",
        "windrow.attempt": 1,
        "windrow.outcome": "succeeded",
    }
    assert attempt.attributes == expected
    (own,) = traced.spans("pack", trace_id)
    assert (own.service, own.parent_id) == ("windrow-worker", attempt.span_id)
    # What the body submits goes on from the span that it is in.
    (submitted,) = traced.spans("run step", trace_id)
    assert submitted.parent_id == own.span_id


def test_a_whole_canvas_is_one_trace(traced: Traced) -> None:
    trace_id, _ = traced.run("canvas")
    attempts = traced.spans("run step", trace_id, 4)
    (canvas,) = traced.spans("run canvas", trace_id)
    assert canvas.span_id in {attempt.parent_id for attempt in attempts}
    known = {canvas.span_id, *(attempt.span_id for attempt in attempts)}
    assert {attempt.parent_id for attempt in attempts} <= known


def test_each_attempt_is_a_child_of_the_request(traced: Traced) -> None:
    trace_id, _ = traced.run("flaky")
    (request,) = traced.spans("POST /v1/jobs", trace_id)
    attempts = traced.spans("run flaky", trace_id, 2)
    assert [attempt.parent_id for attempt in attempts] == [request.span_id] * 2
    said = [(span.attributes["windrow.attempt"], span.attributes["windrow.outcome"]) for span in attempts]
    assert said == [(1, "retried"), (2, "succeeded")]


def test_a_failed_attempt_says_why(traced: Traced) -> None:
    trace_id, job = traced.run("broken")
    assert job["state"] == "failed"
    (attempt,) = traced.spans("run broken", trace_id)
    assert attempt.failed
    assert attempt.attributes["error.type"] == "ValueError"


def test_the_jobs_of_a_batch_share_their_requests_span(traced: Traced) -> None:
    trace_id = os.urandom(16).hex()
    jobs = [{"task": "step"}] * 3
    headers = {"traceparent": f"00-{trace_id}-{CALLER}-01"}
    traced.client.post("/v1/jobs:batchCreate", json={"jobs": jobs}, headers=headers)
    attempts = traced.spans("run step", trace_id, 3)
    (request,) = traced.spans("POST /v1/jobs:batchCreate", trace_id)
    assert {attempt.parent_id for attempt in attempts} == {request.span_id}


def test_other_routes_are_traced_by_their_template_and_probes_are_not(traced: Traced) -> None:
    trace_id = os.urandom(16).hex()
    headers = {"traceparent": f"00-{trace_id}-{CALLER}-01"}
    for path in ("/livez", "/readyz", "/v1/jobs/nope"):
        traced.client.get(path, headers=headers)
    traced.spans("GET /v1/jobs/{job_id}", trace_id)
    assert len([span for span in traced.receiver.spans if span.trace_id == trace_id]) == 1


def test_a_worker_that_does_not_trace_imports_nothing_and_carries_the_trace_on(traced: Traced) -> None:
    trace_id, job = traced.run("modules", queue="dark")
    imported = traced.client.get(f"/v1/jobs/{job['id']}/result").json()
    # redis-py brings the SDK's metrics wherever it is installed.
    assert [name for name in imported if name.startswith("opentelemetry.sdk.trace") or "otlp" in name] == []
    (request,) = traced.spans("POST /v1/jobs", trace_id)
    canvas_trace, canvas = traced.run("canvas", queue="dark")
    assert not traced.receiver.named("run canvas", canvas_trace)
    (request,) = traced.spans("POST /v1/jobs", canvas_trace)
    # Its steps run on the queue that is traced, as children of the request: the attempt between has no span.
    attempts = traced.spans("run step", canvas_trace, 4)
    assert request.span_id in {attempt.parent_id for attempt in attempts}
    assert all(parent[3:35] == canvas_trace for parent in traced.traceparents(canvas["id"]))
