"""What the chart tells the doors is what their settings take, and what KEDA counts is what the broker keeps."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import Any

import pytest
from pydantic_settings import BaseSettings

import windrow_apps
from tests.chart.conftest import SCENARIOS, Render
from windrow.api.settings import ApiSettings
from windrow.beat.settings import BeatSettings
from windrow.broker.keys import FOREIGN_SEP, STEPS, list_name, unacked_key
from windrow.exporter.settings import ExporterSettings
from windrow.scaler.settings import ScalerSettings
from windrow.worker.main import DRAIN_MARGIN_SECONDS
from windrow.worker.settings import WorkerSettings

pytestmark = pytest.mark.timeout(300)
#: Read by main programs without a settings class of their own.
OTHERS = {"windrow_apps", "windrow_celery_app", "windrow_release", "windrow_heartbeat_file"}

#: Settings of the apps and of what they share.
APPS = [
    found
    for module in walk_packages(windrow_apps.__path__, "windrow_apps.")
    if module.name.split(".")[1] == "shared" or module.name.endswith(".settings")
    for found in vars(import_module(module.name)).values()
    if isinstance(found, type) and issubclass(found, BaseSettings) and found is not BaseSettings
]

#: A door looks at an address' form.
SECRETS = {"WINDROW_DATABASE_URL": "postgresql://secret", "WINDROW_REDIS_URL": "redis://secret"}


def containers(objects: list[dict[str, Any]], component: str) -> list[dict[str, Any]]:
    return [
        container
        for found in objects
        if found["kind"] in ("Deployment", "Job")
        and found["metadata"]["labels"]["app.kubernetes.io/component"] == component
        for container in found["spec"]["template"]["spec"]["containers"]
    ]


def variables(container: dict[str, Any]) -> dict[str, str]:
    return {
        entry["name"]: entry.get("value", SECRETS.get(entry["name"], "from a Secret"))
        for entry in container["env"]
    }


def known(*rooms: Any) -> set[str]:
    names = OTHERS.copy()
    for room in rooms:
        names |= {f"{room.model_config['env_prefix']}{field}".lower() for field in room.model_fields}
    return names


@pytest.mark.parametrize("values", SCENARIOS, ids=lambda path: path.stem.removesuffix("-values"))
def test_every_variable_is_one_that_some_door_reads(
    render: Render, monkeypatch: pytest.MonkeyPatch, values: Path
) -> None:
    objects = render("--values", values)
    # One block serves all doors, so each may be told what only another one asks for.
    everywhere = known(ApiSettings, BeatSettings, WorkerSettings, *APPS)
    for component, room in (("api", ApiSettings), ("beat", BeatSettings), ("worker", WorkerSettings)):
        for container in containers(objects, component):
            if container["name"] != component:
                continue
            told = {
                name: value for name, value in variables(container).items() if name.startswith("WINDROW_")
            }
            assert {name.lower() for name in told} - everywhere == set()
            with monkeypatch.context() as patch:
                for name, value in told.items():
                    patch.setenv(name, value)
                room()


@pytest.mark.parametrize("values", SCENARIOS, ids=lambda path: path.stem.removesuffix("-values"))
def test_keda_counts_every_list_of_the_pools_queues_and_what_its_workers_hold(
    render: Render, values: Path
) -> None:
    objects = render("--values", values)
    pools = {
        variables(container)["WINDROW_POOL"]: variables(container)
        for container in containers(objects, "worker")
        if container["name"] == "worker"
    }
    scaled = [found for found in objects if found["kind"] == "ScaledObject"]
    for found in scaled:
        pool = pools[found["metadata"]["labels"]["windrow.dev/pool"]]
        on_redis = "RABBITMQ_HOST" not in pool
        foreign = pool["WINDROW_FOREIGN_QUEUES"].split(",") if on_redis else []
        # RabbitMQ counts what is held with what waits.
        expected = {unacked_key(pool["WINDROW_POOL"])} if on_redis else set()
        for queue in pool["WINDROW_QUEUES"].split(","):
            expected |= {list_name(queue, step) for step in STEPS}
            if queue in foreign:
                expected |= {f"{queue}{FOREIGN_SEP}{step}" for step in STEPS if step}
        triggers = found["spec"]["triggers"]
        name = "listName" if on_redis else "queueName"
        assert {trigger["metadata"][name] for trigger in triggers} == expected
        modifiers = found["spec"]["advanced"]["scalingModifiers"]
        assert modifiers["formula"].split(" + ") == [trigger["name"] for trigger in triggers]
        assert modifiers["target"] == pool["WINDROW_CONCURRENCY"]


def test_every_door_finds_the_rabbitmq(render: Render, monkeypatch: pytest.MonkeyPatch) -> None:
    values = next(path for path in SCENARIOS if path.stem == "rabbitmq-values")
    objects = render("--values", values)
    rooms = (
        ("api", ApiSettings),
        ("beat", BeatSettings),
        ("worker", WorkerSettings),
        ("exporter", ExporterSettings),
        ("scaler", ScalerSettings),
        ("catalog", WorkerSettings),
    )
    for component, room in rooms:
        (container, *_) = (one for one in containers(objects, component) if one["name"] == component)
        with monkeypatch.context() as patch:
            for name, value in variables(container).items():
                patch.setenv(name, value)
            assert room().amqp_url == (
                "amqps://from%20a%20Secret:from%20a%20Secret@mq.rabbitmq.svc:5671/jobs"
                "?ca=/etc/windrow/rabbitmq-ca/ca.crt"
            )


def test_a_pools_drain_fits_its_limit_and_its_grace(render: Render) -> None:
    for found in render("--set", "workers.default.hardLimitSeconds=900"):
        if found["kind"] == "Deployment" and "windrow.dev/pool" in found["metadata"]["labels"]:
            pod = found["spec"]["template"]["spec"]
            told = variables(pod["containers"][0])
            assert float(told["WINDROW_HARD_LIMIT_SECONDS"]) == 900
            assert float(told["WINDROW_DRAIN_SECONDS"]) == 900 + DRAIN_MARGIN_SECONDS
            assert pod["terminationGracePeriodSeconds"] == 900 + DRAIN_MARGIN_SECONDS + 45


def test_the_scaler_is_told_the_deployments_that_there_are(render: Render) -> None:
    mail = 'workers.mail={"queues": ["mail", "news"], "max": 7}'
    objects = render("--set-json", mail, "--set", "ledger.maxConnections=200")
    (scaler,) = containers(objects, "scaler")
    pools = json.loads(variables(scaler)["WINDROW_SCALER_POOLS"])
    deployments = {found["metadata"]["name"] for found in objects if found["kind"] == "Deployment"}
    assert {pool["deployment"] for pool in pools.values()} <= deployments
    assert pools["mail"] == {
        "deployment": "windrow-worker-mail",
        "scaled_object": "windrow-worker-mail",
        "queues": ["mail", "news"],
        "concurrency": 2,
        "max": 7,
    }


@pytest.mark.parametrize("values", SCENARIOS, ids=lambda path: path.stem.removesuffix("-values"))
def test_every_pod_passes_the_restricted_standard_and_few_have_a_token(render: Render, values: Path) -> None:
    with_token = {"scaler", "secrets", "test"}
    for found in render("--values", values):
        pod = (
            found["spec"] if found["kind"] == "Pod" else found.get("spec", {}).get("template", {}).get("spec")
        )
        if found["kind"] not in ("Pod", "Deployment", "Job", "StatefulSet") or not pod:
            continue
        where = f"{found['kind']} {found['metadata']['name']}"
        component = found["metadata"]["labels"]["app.kubernetes.io/component"]
        assert pod["securityContext"]["runAsNonRoot"], where
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, where
        # The API asks the cluster whose token a caller sends, where callers with one are named.
        asks = component == "api" and "WINDROW_API_TOKEN_AUDIENCE" in variables(pod["containers"][0])
        assert not pod["automountServiceAccountToken"] or asks or component in with_token, where
        for container in pod["containers"] + pod.get("initContainers", []):
            context = container["securityContext"]
            assert context["capabilities"] == {"drop": ["ALL"]}, where
            assert not context["allowPrivilegeEscalation"], where
            assert context["readOnlyRootFilesystem"], where
