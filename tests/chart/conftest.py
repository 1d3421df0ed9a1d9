"""The programs that the chart's tests run, built once into `.windrow/tools`."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from tools.go_tools import build

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "windrow"
SCENARIOS = sorted((Path(__file__).parent / "ci").glob("*-values.yaml"))
#: What a cluster with KEDA and the Prometheus operator offers; a render without a cluster knows neither.
OFFERED = (
    "--kube-version",
    "1.35",
    "--api-versions",
    "keda.sh/v1alpha1",
    "--api-versions",
    "monitoring.coreos.com/v1",
)
RUN_SECONDS = 120

Run = Callable[..., subprocess.CompletedProcess[str]]
Render = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="session")
def program() -> Callable[[str], Path]:
    """The path of a program that infra/go.mod names."""
    return lambda name: build(name)[name]


@pytest.fixture(scope="session")
def run(program: Callable[[str], Path]) -> Run:
    """Run one of them with arguments; its output is the caller's to judge."""

    def run_it(name: str, *arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
        command = [str(program(name)), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=RUN_SECONDS, **options)

    return run_it


@pytest.fixture(scope="session")
def render(run: Run) -> Render:
    """The objects of the chart under some `helm template` arguments."""

    def render_it(*arguments: str | Path, chart: Path = CHART) -> list[dict[str, Any]]:
        ran = run("helm", "template", "windrow", chart, "--namespace", "jobs", *OFFERED, *arguments)
        assert ran.returncode == 0, ran.stderr
        return [found for found in yaml.safe_load_all(ran.stdout) if found]

    return render_it
