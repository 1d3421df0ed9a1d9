"""`helm install` with nothing but the names of the images."""

from __future__ import annotations

import pytest

from tests.e2e.cluster import Cluster
from tests.e2e.figures import Figures
from tests.e2e.helm import Helm, names
from tests.e2e.platform import now
from tests.e2e.release import READY_SECONDS, Release
from tests.e2e.waiting import settled


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


@pytest.mark.full
@pytest.mark.timeout(480)
def test_an_install_that_waits_ends_and_is_ready_then(release: Release, figures: Figures) -> None:
    # Built-in stores, migration and Secrets come from Jobs: nothing of them may wait for helm.
    beside = Cluster(f"{release.cluster.namespace}-wait")
    helm = Helm(beside.namespace)
    beside.make_namespace()
    try:
        began = now()
        helm.install_and_wait(*names(release.images))
        figures.add("install with --wait", "until helm returned", now() - began)
        settled("everything is ready", READY_SECONDS, beside.unready)
        figures.add("install with --wait", "until all was ready", now() - began)
    finally:
        helm.uninstall()
        beside.drop_namespace()
