"""One release for all cases, in a namespace of its own; gone at the end."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from kubernetes import client

from tests.e2e.cluster import Cluster, reachable
from tests.e2e.door import open_door
from tests.e2e.evidence import gather
from tests.e2e.figures import Figures
from tests.e2e.helm import Helm, names, pools
from tests.e2e.images import Images, images_from
from tests.e2e.platform import Job, Platform, first_answer, now
from tests.e2e.release import READY_SECONDS, Release
from tests.e2e.waiting import eventually
from tests.support.require import missing

FIGURES = pytest.StashKey[Figures]()
CLUSTER = pytest.StashKey[Cluster]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--report", action="store_true", help="e2e: write docs/e2e-report.md")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # The plain install is looked at before other cases upgrade it.
    items.sort(key=lambda item: "test_install" not in item.nodeid)


@pytest.fixture(scope="session")
def figures(pytestconfig: pytest.Config) -> Figures:
    """What was measured."""
    return pytestconfig.stash.setdefault(FIGURES, Figures())


@pytest.fixture(scope="session")
def images() -> Images:
    """Names of the images, from the environment."""
    return images_from(os.environ)


@pytest.fixture(scope="session")
def cluster(pytestconfig: pytest.Config, figures: Figures) -> Iterator[Cluster]:
    """A namespace of this run's own, held to the restricted Pod Security standard."""
    if not os.environ.get("KUBECONFIG"):
        missing("no cluster: KUBECONFIG is not set")
    if why := reachable():
        missing(why)
    figures.kubernetes = client.VersionApi().get_code().git_version
    cluster = Cluster(f"windrow-e2e-{uuid4().hex[:6]}")
    pytestconfig.stash[CLUSTER] = cluster
    cluster.make_namespace()
    yield cluster
    if not os.environ.get("WINDROW_E2E_KEEP"):
        cluster.drop_namespace()


@pytest.fixture(scope="session")
def helm(cluster: Cluster) -> Iterator[Helm]:
    """A release that goes at the end, and not before a failed install was looked at."""
    helm = Helm(cluster.namespace)
    yield helm
    if not os.environ.get("WINDROW_E2E_KEEP"):
        helm.uninstall()


@pytest.fixture(scope="session")
def installed(cluster: Cluster, helm: Helm, images: Images) -> Iterator[Release]:
    """The chart with no values but the images' names, and a first job through it."""
    began = now()
    helm.install(*names(images))
    url = open_door(cluster, helm.release)
    key = eventually("the first key", 120, lambda: cluster.secret(f"{helm.release}-api-key", "api-key"))
    platform = Platform(url, key)
    first_answer(platform, READY_SECONDS)
    answered = now() - began
    job = _first_job(platform)
    yield Release(
        cluster=cluster,
        helm=helm,
        images=images,
        platform=platform,
        consumers=f"{cluster.namespace}-shop",
        first_answer=answered,
        first_finished=now() - began,
        first_job=job,
    )
    platform.close()


@pytest.fixture(scope="session")
def release(installed: Release) -> Release:
    """The same release with the tests' pools, by an upgrade."""
    installed.helm.upgrade(*pools(installed.images, installed.subjects))
    installed.ready()
    eventually(
        "the project's tasks are in the catalog", 60, lambda: _knows(installed.platform, "project.add")
    )
    return installed


def _first_job(platform: Platform) -> Job:
    """Whoever comes first may be told that the key, or the task, is not there yet: it is said again."""
    body = {"task": "parse.pages", "input": {"start_id": 1, "end_id": 3}}

    def accepted() -> str | None:
        answer = platform.client.post("/v1/jobs", json=body)
        return str(answer.json()["id"]) if answer.status_code == 202 else None

    job_id = eventually("the first job is accepted", 120, accepted)

    def ended() -> Job | None:
        job = platform.job(job_id)
        return job if job["state"] in ("succeeded", "failed") else None

    return eventually("the first job ends", 120, ended)


def _knows(platform: Platform, task: str) -> bool:
    return any(known["name"] == task for known in platform.client.get("/v1/tasks").json()["tasks"])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    report = yield
    if report.when == "call" or report.failed:
        figures = item.config.stash.setdefault(FIGURES, Figures())
        figures.outcomes[item.name] = report.outcome
    cluster = item.config.stash.get(CLUSTER, None)
    if report.failed and cluster is not None:
        path = Path(item.config.rootpath) / "build" / "e2e" / f"{item.name}.txt"
        try:
            gather(cluster, path)
            report.sections.append(("evidence", f"written to {path.relative_to(item.config.rootpath)}"))
        except Exception as exc:
            report.sections.append(("evidence", f"none: {exc!r}"))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    figures = config.stash.get(FIGURES, None)
    if figures is None or not figures.lines:
        return
    terminalreporter.section("figures")
    for line in figures.text():
        terminalreporter.write_line(line)
    if config.getoption("--report", default=False):
        figures.write()
