"""`helm install` with nothing but the names of the images."""

from __future__ import annotations

import pytest

from tests.e2e.figures import Figures
from tests.e2e.release import Release


@pytest.mark.timeout(480)
def test_an_install_without_values_becomes_ready_and_runs_its_first_job(
    installed: Release, figures: Figures
) -> None:
    case = "install"
    figures.add(case, "from helm install to the API's first answer", installed.first_answer)
    figures.add(case, "from helm install to the first finished job", installed.first_finished)
    assert installed.first_job["state"] == "succeeded", installed.first_job
    installed.ready()
    output = installed.helm.test()
    figures.add(case, "helm test", "green")
    assert "Phase:          Succeeded" in output
    assert "Phase:          Failed" not in output
