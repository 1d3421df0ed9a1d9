"""What k8s/ says agrees with the API, and with the chart where it is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from windrow.api.subjects import checked

ROOT = Path(__file__).parents[2]
VALUES = ROOT / "k8s" / "windrow-values.yaml"
CHART = ROOT / "charts" / "windrow"
MANIFESTS = sorted(path for path in (ROOT / "k8s").rglob("*.yaml") if path != VALUES)
#: Not objects of a namespace.
CLUSTER = {"Namespace", "Cluster kind.x-k8s.io/v1alpha4"}


def documents(path: Path) -> list[Any]:
    """The objects of one file."""
    return list(yaml.safe_load_all(path.read_text()))


def found(kind: str, name: str) -> Any:
    """The one object of that kind and name."""
    objects = [o for path in MANIFESTS for o in documents(path)]
    (one,) = [o for o in objects if o["kind"] == kind and o.get("metadata", {}).get("name") == name]
    return one


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_every_manifest_names_its_kind_and_its_namespace(path: Path) -> None:
    for manifest in documents(path):
        assert manifest["apiVersion"]
        if not {manifest["kind"], f"{manifest['kind']} {manifest['apiVersion']}"} & CLUSTER:
            assert manifest["metadata"]["namespace"] in {"windrow", "shop", "argocd"}


@pytest.mark.parametrize("namespace", ["windrow", "shop"])
def test_namespaces_are_restricted(namespace: str) -> None:
    labels = found("Namespace", namespace)["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_the_values_name_the_consumer_and_known_scopes() -> None:
    subjects = yaml.safe_load(VALUES.read_text())["auth"]["serviceAccounts"]["subjects"]
    job = found("Job", "submit")
    account = f"{job['metadata']['namespace']}:{job['spec']['template']['spec']['serviceAccountName']}"
    assert set(subjects) == {f"system:serviceaccount:{account}"}
    checked({subject: frozenset(scopes) for subject, scopes in subjects.items()})


def test_the_values_name_what_the_stores_make() -> None:
    values = yaml.safe_load(VALUES.read_text())
    ledger, broker = found("Cluster", "windrow-ledger"), found("RedisReplication", "windrow-broker")
    assert values["ledger"]["existingSecret"] == f"{ledger['metadata']['name']}-app"
    assert values["ledger"]["maxConnections"] < int(
        ledger["spec"]["postgresql"]["parameters"]["max_connections"]
    )
    host = f"{broker['metadata']['name']}-master.windrow.svc"
    assert values["broker"]["address"] == f"{host}:6379"
    certificate = found("Certificate", values["broker"]["caSecret"])
    assert certificate["spec"]["dnsNames"] == [host]
    assert broker["spec"]["TLS"]["secret"]["secretName"] == certificate["spec"]["secretName"]


def test_the_values_and_the_consumer_fit_the_chart() -> None:
    chart = yaml.safe_load((CHART / "values.yaml").read_text())
    _fits(yaml.safe_load(VALUES.read_text()), chart, "")
    pod = found("Job", "submit")["spec"]["template"]["spec"]
    sources = [v["projected"]["sources"] for v in pod["volumes"] if "projected" in v]
    accounts = chart["auth"]["serviceAccounts"]
    assert sources[0][0]["serviceAccountToken"]["audience"] == accounts["audience"]
    env = {v["name"]: v["value"] for v in pod["containers"][0]["env"]}
    assert env["WINDROW_URL"] == "http://windrow-api.windrow"
    assert chart["api"]["service"]["port"] == 80
    assert env["TASK"] == chart["tests"]["job"]["task"]


def _fits(given: Any, known: Any, where: str) -> None:
    """Every key of `given` is one of the chart's; an empty map there takes any key."""
    if isinstance(given, dict) and known != {}:
        for key, value in given.items():
            assert key in known, f"{where}.{key} is no value of the chart"
            _fits(value, known[key], f"{where}.{key}")
