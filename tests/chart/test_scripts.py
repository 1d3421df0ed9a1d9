"""The programs that run in the cluster, against an API server that is only pretended."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.chart.conftest import CHART, Render
from windrow.api.auth import id_of

SCRIPTS = CHART / "files" / "scripts"
Answer = tuple[int, dict[str, Any]]


class FakeCluster:
    """Keeps what is posted, once a name, and answers with what it was given."""

    def __init__(self) -> None:
        self.secrets: dict[str, dict[str, str]] = {}
        self.scaled: dict[str, dict[str, Any]] = {}
        self.refusal: Answer | None = None

    def call(self, method: str, path: str, body: Any = None) -> Answer:
        if self.refusal is not None:
            return self.refusal
        if method == "POST":
            name = body["metadata"]["name"]
            if name in self.secrets:
                return 409, {"message": "it exists"}
            self.secrets[name] = body["stringData"]
            return 201, body
        found = self.scaled.get(path.rpartition("/")[2])
        return (200, found) if found else (404, {"message": "there is none"})


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    fake = FakeCluster()
    module = ModuleType("cluster")
    module.call = fake.call  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "cluster", module)
    monkeypatch.setenv("NAMESPACE", "jobs")
    return fake


def script(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def wanted(render: Render) -> Iterator[str]:
    """What the chart tells the script to make."""
    for found in render("--set", "flower.enabled=true"):
        if found["kind"] == "Job" and "-secrets-" in found["metadata"]["name"]:
            (container,) = found["spec"]["template"]["spec"]["containers"]
            yield next(entry["value"] for entry in container["env"] if entry["name"] == "WANTED")


def test_the_passwords_in_the_urls_are_those_of_the_servers(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch, wanted: str
) -> None:
    monkeypatch.setenv("WANTED", wanted)
    assert script("make_secrets").main() == 0
    postgresql, redis = cluster.secrets["windrow-postgresql"], cluster.secrets["windrow-redis"]
    assert urlsplit(postgresql["database-url"]).password == postgresql["password"]
    assert urlsplit(redis["redis-url"]).password == redis["password"]
    assert redis["keda-password"] != redis["password"] != postgresql["password"]
    assert min(map(len, (redis["password"], redis["keda-password"], postgresql["password"]))) >= 40
    assert cluster.secrets["windrow-flower"]["basic-auth"].startswith("windrow:")


def test_the_first_key_is_one_that_the_api_takes(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch, wanted: str
) -> None:
    monkeypatch.setenv("WANTED", wanted)
    script("make_secrets").main()
    assert id_of(cluster.secrets["windrow-api-key"]["api-key"]) is not None


def test_secrets_that_exist_stay_as_they_are(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch, wanted: str
) -> None:
    monkeypatch.setenv("WANTED", wanted)
    script("make_secrets").main()
    before = json.dumps(cluster.secrets)
    assert script("make_secrets").main() == 0
    assert json.dumps(cluster.secrets) == before


def test_a_secret_that_may_not_be_made_is_a_failure(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch, wanted: str, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WANTED", wanted)
    cluster.refusal = (403, {"message": "secrets is forbidden"})
    assert script("make_secrets").main() == 1
    assert "403 secrets is forbidden" in capsys.readouterr().err


def test_a_scaled_object_that_is_not_ready_fails_the_test_with_its_reason(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NAMES", '["good", "bad", "missing"]')
    condition = {"type": "Ready", "status": "True", "reason": "ScaledObjectReady", "message": "all is well"}
    cluster.scaled["good"] = {"status": {"conditions": [condition]}}
    condition = {"type": "Ready", "status": "False", "reason": "TriggerError", "message": "no Redis"}
    cluster.scaled["bad"] = {"status": {"conditions": [condition]}}
    program = script("scaled_objects")
    monkeypatch.setattr(program, "WAIT_SECONDS", 0)
    assert program.main() == 1
    said = capsys.readouterr().out
    assert "good: ready" in said
    assert "bad: NOT READY (TriggerError: no Redis)" in said
    assert "missing: NOT READY (404 there is none)" in said
    del cluster.scaled["bad"]
    monkeypatch.setenv("NAMES", '["good"]')
    assert program.main() == 0
