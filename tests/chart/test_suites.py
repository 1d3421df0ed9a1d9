"""The suites of helm-unittest, one file a concern."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.chart.conftest import CHART, Run

#: As seen from the chart; helm-unittest takes no other path.
SUITES = os.path.relpath(Path(__file__).parent / "suites", CHART)


@pytest.mark.timeout(900)
def test_every_suite_of_helm_unittest_is_green(run: Run) -> None:
    ran = run("helm-unittest", "--strict", "--file", f"{SUITES}/*_test.yaml", CHART)
    assert ran.returncode == 0, ran.stdout + ran.stderr
