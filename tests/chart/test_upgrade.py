"""The chart of the last tag, upgraded to this one: what cannot be changed in place does not change."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.chart.conftest import ROOT, SCENARIOS, Render

#: Fields that an API server refuses to change.
FIXED = {
    "Deployment": ("selector",),
    "StatefulSet": ("selector", "serviceName", "volumeClaimTemplates"),
    "Job": ("selector", "template"),
}


def git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, timeout=60)


@pytest.fixture(scope="module")
def tagged_chart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The chart as the newest tag before this commit has it."""
    tag = git("describe", "--tags", "--abbrev=0", "--match", "v*").stdout.decode().strip()
    if not tag:
        pytest.skip("there is no tag yet to upgrade from")
    archive = git("archive", tag, "charts/windrow")
    if archive.returncode:
        pytest.skip(f"the tag {tag} has no chart to upgrade from")
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
def test_an_upgrade_from_the_last_tag_changes_nothing_that_is_fixed(
    render: Render, tagged_chart: Path
) -> None:
    default = next(path for path in SCENARIOS if path.name == "default-values.yaml")
    before = fixed(render("--values", default, chart=tagged_chart))
    after = fixed(render("--values", default, "--is-upgrade"))
    assert before, "the tagged chart renders something"
    for key in before.keys() & after.keys():
        assert after[key] == before[key], key
