"""An earlier chart, upgraded to this one: what cannot be changed in place does not change."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.chart.conftest import ROOT, SCENARIOS, Render

#: The commit whose chart stands for a release while there is no tag: KEDA, both brokers and all doors are in it.
FIRST = "095e7910d397"
#: Fields that an API server refuses to change.
FIXED = {
    "Deployment": ("selector",),
    "StatefulSet": ("selector", "serviceName", "volumeClaimTemplates"),
    "Job": ("selector", "template"),
}


def git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, timeout=60)


@pytest.fixture(scope="module")
def earlier_chart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The chart as the newest tag before this commit has it, or as FIRST has it."""
    tag = git("describe", "--tags", "--abbrev=0", "--match", "v*").stdout.decode().strip() or FIRST
    archive = git("archive", tag, "charts/windrow")
    if archive.returncode:
        pytest.skip(f"{tag} is not in this clone, or has no chart to upgrade from")
    folder = tmp_path_factory.mktemp(tag)
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as packed:
        packed.extractall(folder, filter="data")
    return folder / "charts" / "windrow"


def fixed(objects: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (found["kind"], found["metadata"]["name"]): {
            field: found["spec"].get(field) for field in FIXED[found["kind"]]
        }
        for found in objects
        if found["kind"] in FIXED
    }


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ["default", "two-pools", "argo"])
def test_an_upgrade_changes_nothing_that_is_fixed(render: Render, earlier_chart: Path, name: str) -> None:
    values = next(path for path in SCENARIOS if path.stem == f"{name}-values")
    before = fixed(render("--values", values, chart=earlier_chart))
    after = fixed(render("--values", values, "--is-upgrade"))
    both = before.keys() & after.keys()
    assert len([key for key in both if key[0] != "Job"]) >= 5, sorted(before)
    for key in both:
        assert after[key] == before[key], key
