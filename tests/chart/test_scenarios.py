"""Every scenario of values is good for Helm, and what it renders is good for an API server."""

from __future__ import annotations

from pathlib import Path

import pytest
from tools.chart_schemas import schemas

from tests.chart.conftest import CHART, OFFERED, SCENARIOS, Run

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def schema_location() -> str:
    return f"{schemas()}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"


@pytest.mark.parametrize("values", SCENARIOS, ids=lambda path: path.stem.removesuffix("-values"))
def test_a_scenario_passes_lint_and_every_schema(run: Run, schema_location: str, values: Path) -> None:
    # Lint can be told of no API but Kubernetes' own, so what needs another one is seen in the render.
    off = (
        "keda.enabled=false",
        "monitoring.enabled=false",
        "monitoring.podMonitor.enabled=false",
        "monitoring.prometheusRule.enabled=false",
    )
    without = ("--set", ",".join(off), "--kube-version", "1.35")
    linted = run("helm", "lint", "--strict", CHART, "--values", values, *without)
    assert linted.returncode == 0, linted.stdout + linted.stderr
    rendered = run("helm", "template", "windrow", CHART, "--namespace", "jobs", *OFFERED, "--values", values)
    assert rendered.returncode == 0, rendered.stderr
    checked = run(
        "kubeconform", "-strict", "-summary", "-schema-location", schema_location, "-", input=rendered.stdout
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "Skipped: 0" in checked.stdout


def test_kubeconform_refuses_a_field_that_no_server_knows(run: Run, schema_location: str) -> None:
    wrong = '{"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "spec": {"minReplicas": 1, "triggers": []}}'
    checked = run("kubeconform", "-strict", "-schema-location", schema_location, "-", input=wrong)
    assert checked.returncode == 1
    assert "minReplicas" in checked.stdout
