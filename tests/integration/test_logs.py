"""Each door's log: one JSON object a line, whoever logs, with the job that a line is about, and without secrets."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.integration.beat_world import wait_until
from tests.support.databases import Databases
from tests.support.processes import Door, Doors
from windrow.dev.guard import Guard
from windrow.dev.ports import free_port
from windrow.dev.redis_server import RedisServer

pytestmark = pytest.mark.timeout(180)
ROOT = Path(__file__).parents[2]
TRACE = "0af7651916cd43dd8448eb211c80319c"
HEADERS = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
KUBECONFIG = {
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
    "users": [{"name": "u", "user": {}}],
    "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
    "current-context": "x",
}


class Stack:
    """Every door, and what was submitted to them."""

    def __init__(self, doors: Doors, api_url: str, secrets: list[str]) -> None:
        self.doors = doors
        self.secrets = secrets
        self._client = httpx.Client(base_url=api_url, timeout=60, trust_env=False)

    def run(self, task: str, *args: Any) -> dict[str, Any]:
        """The job, at its end."""
        body = {"task": task, "input": list(args)}
        job_id = self._client.post("/v1/jobs", json=body, headers=HEADERS).json()["id"]
        wait_until(lambda: self._job(job_id)["state"] in ("succeeded", "failed"), timeout=60)
        return self._job(job_id)

    def close(self) -> None:
        self._client.close()

    def knows(self, task: str) -> bool:
        return any(one["name"] == task for one in self._client.get("/v1/tasks").json()["tasks"])

    def door(self, name: str) -> Door:
        return next(door for door in self.doors.started() if door.name == name)

    def lines(self, door: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in list(self.door(door).lines)]

    def _job(self, job_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self._client.get(f"/v1/jobs/{job_id}", headers={"Prefer": "wait=5"}).json()
        return found


@pytest.fixture(scope="module")
def stack(
    databases: Databases, redis_server: RedisServer, guard: Guard, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("logs")
    database_url = databases.create(migrated=False)
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(json.dumps(KUBECONFIG))
    ports = {name: free_port() for name in ("API", "EXPORTER", "SCALER")}
    env = {
        "WINDROW_DATABASE_URL": database_url,
        "WINDROW_REDIS_URL": redis_server.url,
        "WINDROW_LOG_FORMAT": "json",
        "WINDROW_API_AUTH": "false",
        "WINDROW_APPS": "tests.support.telling_tasks:SPEC",
        "WINDROW_CONCURRENCY": "1",
        "WINDROW_SCALER_NAMESPACE": "n",
        "WINDROW_SCALER_POOLS": json.dumps(
            {"default": {"deployment": "d", "queues": ["default"], "concurrency": 1, "max": 2}}
        ),
        "KUBECONFIG": str(kubeconfig),
        "PYTHONPATH": str(ROOT),
        "TMPDIR": str(folder),
        **{f"WINDROW_{name}_PORT": str(port) for name, port in ports.items()},
    }
    doors = Doors(guard, env)
    migrate = doors.start("migrate", ready="")
    assert migrate.wait(90)
    migrate.reap()
    started = [doors.start(name, ready="") for name in ("api", "exporter", "scaler", "worker")]
    started.append(doors.start("beat", f"--pidfile={folder / 'beat.pid'}", ready=""))
    for door, said in zip(
        started, ("Uvicorn running", "is ready", "ready", "ready", "Starting"), strict=True
    ):
        door.expect(said, 90)
    secrets = [urlsplit(url).password or "" for url in (database_url, redis_server.url)]
    stack = Stack(doors, f"http://127.0.0.1:{ports['API']}", secrets)
    wait_until(lambda: stack.knows("tell"), timeout=60)
    yield stack
    stack.close()
    doors.close()
    databases.drop(database_url)


@pytest.mark.parametrize(
    ("door", "loggers"),
    [
        ("api", {"uvicorn.error"}),
        ("worker", {"celery.worker.consumer.connection", "celery.apps.worker"}),
        ("beat", {"celery.beat"}),
        ("exporter", {"windrow.exporter.server"}),
        ("scaler", {"windrow.scaler.main"}),
    ],
)
def test_every_line_of_a_door_is_an_object(stack: Stack, door: str, loggers: set[str]) -> None:
    lines = stack.lines(door)
    assert lines
    for line in lines:
        assert list(line)[:5] == ["time", "level", "door", "logger", "event"]
        assert line["door"] == door
    assert loggers & {line["logger"] for line in lines}


def test_alembics_lines_are_objects_too(stack: Stack) -> None:
    *lines, said = stack.door("migrate").lines
    assert said.startswith("schema at revision")
    assert "alembic.runtime.migration" in {json.loads(line)["logger"] for line in lines}


def test_what_a_task_logs_carries_its_job(stack: Stack) -> None:
    job = stack.run("tell", 7)
    assert job["state"] == "succeeded"
    own = [line for line in stack.lines("worker") if line.get("job_id") == job["id"]]
    about = {
        "job_id": job["id"],
        "task": "tell",
        "attempt": 1,
        "queue": "default",
        "trace_id": TRACE,
    }
    assert all(line | about == line for line in own)
    said = [(line["logger"], line["level"], line["event"]) for line in own]
    assert ("shop", "info", "order 7 is packed") in said
    assert ("tests.support.telling_tasks", "warning", "order 7: \ud800 two\nlines") in said
    assert ("celery.redirected", "warning", "order 7 is printed") in said
    assert any(logger == "py.warnings" and "order 7 warns" in event for logger, _, event in said)
    # Celery's own line about the end.
    assert any(logger == "celery.app.trace" and "succeeded" in event for logger, _, event in said)
    # Nothing of it sticks to what comes after.
    assert all(
        line.get("job_id") is None for line in stack.lines("worker") if line["logger"] == "celery.beat"
    )


def test_a_failure_is_one_line_with_its_traceback(stack: Stack) -> None:
    job = stack.run("fall", 8)
    (line,) = [
        line
        for line in stack.lines("worker")
        if line.get("job_id") == job["id"] and line["logger"] == "celery.app.trace"
    ]
    assert line["level"] == "error"
    assert "order 8 is broken" in line["event"]
    assert "Traceback" in line["exception"]


def test_what_ends_a_thread_is_a_line(stack: Stack) -> None:
    stack.run("crash_a_thread")
    (line,) = [line for line in stack.lines("worker") if line["event"] == "ValueError ends side"]
    assert line["level"] == "critical"
    assert "order 9 is broken" in line["exception"]


def test_no_secret_is_written(stack: Stack) -> None:
    job = stack.run("tell", 10)
    own = [line["event"] for line in stack.lines("worker") if line.get("job_id") == job["id"]]
    assert any(event.startswith("cannot reach postgresql://") and ":***@" in event for event in own)
    assert any("Bearer ***" in event for event in own)
    for door in stack.doors.started():
        for secret in [*filter(None, stack.secrets), "x" * 20]:
            assert secret not in door.log(), door.name


def test_a_clean_end_is_written_as_lines(stack: Stack) -> None:
    for name in ("worker", "beat", "api", "exporter", "scaler"):
        door = stack.door(name)
        door.send(signal.SIGTERM)
        assert door.wait(60), door.log()
        door.reap()
        stack.lines(name)
