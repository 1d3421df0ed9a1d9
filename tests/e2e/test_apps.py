"""The five job systems in the cluster: the tutorial's own calls, each with its documented answer."""

from __future__ import annotations

import json
import os
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from tests.e2e.cluster import CALL_SECONDS
from tests.e2e.figures import Figures
from tests.e2e.platform import now
from tests.e2e.release import Release
from tests.e2e.waiting import eventually
from tests.support.tutorial import PAGES, play

CATCHER = Path(__file__).with_name("catcher.yaml")
#: In the summaries' page: a feed on the reader's machine, which a cluster cannot reach, and what follows of it.
NOT_HERE = {"summaries": "result.json"}


@pytest.fixture(scope="module")
def folder(release: Release, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a reader would stand: `.windrow/up.json` says where this cluster's release and its mail server are."""
    for document in yaml.safe_load_all(CATCHER.read_text("utf-8").replace("IMAGE", release.images.platform)):
        release.cluster.create(document)
    namespace = release.cluster.namespace
    service = release.cluster.core.read_namespaced_service("mail", namespace, _request_timeout=CALL_SECONDS)
    eventually("the mail server is ready", 60, lambda: _mail_is_ready(release))
    port = {found.name: found.node_port for found in service.spec.ports}["http"]
    url = urlsplit(str(release.platform.client.base_url))
    up = {
        "api_url": f"http://{url.netloc}",
        "api_key": release.platform.client.headers["Authorization"].removeprefix("Bearer "),
        "mail_url": f"http://{url.hostname}:{port}",
    }
    folder = tmp_path_factory.mktemp("reader")
    (folder / ".windrow").mkdir()
    (folder / ".windrow" / "up.json").write_text(json.dumps(up, indent=2))
    return folder


def _mail_is_ready(release: Release) -> bool:
    pod = release.cluster.core.read_namespaced_pod(
        "mail", release.cluster.namespace, _request_timeout=CALL_SECONDS
    )
    return any(found.type == "Ready" and found.status == "True" for found in pod.status.conditions or ())


@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_of_the_tutorial_is_true_in_the_cluster(
    release: Release, folder: Path, figures: Figures, page: Path
) -> None:
    url = json.loads((folder / ".windrow" / "up.json").read_text())["api_url"]
    began = now()
    play(page, url, os.environ, folder, NOT_HERE.get(page.stem, "\0"))
    figures.add("the job systems, by the tutorial's calls", page.stem, now() - began)


@pytest.mark.timeout(60)
def test_one_document_tells_how_all_of_them_are(release: Release) -> None:
    answer = release.platform.client.get("/health", timeout=30)
    assert answer.status_code == 200, answer.text
    health = answer.json()
    assert health["status"] in ("healthy", "degraded"), health
    assert health["database"] == health["redis"] == "healthy", health
