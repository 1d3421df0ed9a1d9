"""What is generated from values.yaml is what it generates today."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tools.chart_production import main as put_production

from tests.chart.conftest import CHART, Run

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The chart in a folder of its own, where it may be generated anew."""
    return shutil.copytree(CHART, tmp_path / "windrow")


def test_the_schema_is_generated_from_the_values(
    run: Run, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = run("helm-values-schema-json", cwd=copy)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    monkeypatch.setattr("sys.argv", ["", str(copy)])
    put_production()
    assert (copy / "values.schema.json").read_text() == (CHART / "values.schema.json").read_text(), (
        "make chart"
    )


def test_the_readme_is_generated_from_the_values(run: Run, copy: Path) -> None:
    ran = run("helm-docs", "--chart-search-root", copy)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert (copy / "README.md").read_text() == (CHART / "README.md").read_text(), "make chart"


def test_every_value_says_what_it_is_for(run: Run, copy: Path) -> None:
    ran = run("helm-docs", "--chart-search-root", copy, "--documentation-strict-mode")
    assert ran.returncode == 0, ran.stdout + ran.stderr
