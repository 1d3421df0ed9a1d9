"""The five job systems in the cluster: a call of each, and what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import yaml

from tests.e2e.cluster import CALL_SECONDS
from tests.e2e.figures import Figures
from tests.e2e.platform import Platform
from tests.e2e.release import Release
from tests.e2e.waiting import eventually

CATCHER = Path(__file__).with_name("catcher.yaml")
CASE = "the job systems"
#: Seconds for one effect: a pool may have to start first.
EFFECT_SECONDS = 150
TEXT = (
    "A lighthouse stands on the rock beyond the harbour. Its lamp was lit by hand for a hundred years. "
    "Ships of every nation took their bearing from the lamp. When the harbour grew, the lighthouse was "
    "automated, and its keeper left the rock. The lamp of the lighthouse still turns each night. "
    "Visitors climb the stairs to see the lamp and the harbour below."
)

Answer = dict[str, Any]


@pytest.fixture(scope="module")
def mails(release: Release) -> str:
    """The page of the mail server that `values.yaml` tells the mailroom of."""
    for document in yaml.safe_load_all(CATCHER.read_text("utf-8").replace("IMAGE", release.images.platform)):
        release.cluster.create(document)
    namespace = release.cluster.namespace
    service = release.cluster.core.read_namespaced_service("mail", namespace, _request_timeout=CALL_SECONDS)
    port = {found.name: found.node_port for found in service.spec.ports}["http"]
    return f"http://{urlsplit(str(release.platform.client.base_url)).hostname}:{port}"


def call(platform: Platform, method: str, path: str, status: int, **wish: Any) -> Answer:
    answer = platform.client.request(method, path, timeout=60, **wish)
    assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
    return dict(answer.json())


def until(platform: Platform, path: str, key: str, value: str, headers: Answer | None = None) -> Answer:
    """The answer of `path` once it says so."""
    seen: list[Answer] = []

    def said() -> Answer | None:
        seen[:] = [call(platform, "GET", path, 200, headers=headers)]
        return seen[0] if seen[0].get(key) == value else None

    try:
        return eventually(f"{path} says {value}", EFFECT_SECONDS, said)
    except AssertionError as exc:
        raise AssertionError(f"{exc}; it says {seen}") from None


@pytest.mark.timeout(200)
def test_parse_reads_the_pages(release: Release, figures: Figures) -> None:
    started = call(release.platform, "POST", "/parse?start_id=1&end_id=3", 202)
    assert started["message"] == "Parsing task has been queued"
    done = until(release.platform, f"/parse/status/{started['task_id']}", "state", "SUCCESS")
    assert done["result"]["read"] == 3
    figures.add(CASE, "parse", f"{done['result']['read']} pages read")


@pytest.mark.timeout(200)
def test_todos_keeps_and_exports_a_to_do(release: Release, figures: Figures) -> None:
    made = release.platform.client.post("/tasks", json={"title": "Visit the lighthouse"}, timeout=30)
    assert made.status_code == 201, made.text
    assert (
        call(release.platform, "GET", f"/tasks/{made.json()['id']}", 200)["title"] == "Visit the lighthouse"
    )
    export = call(release.platform, "POST", "/tasks/export?export_format=json", 202)
    done = until(release.platform, f"/tasks/export-status/{export['task_id']}", "status", "SUCCESS")
    file = release.platform.client.get(done["download_url"], timeout=30)
    assert "Visit the lighthouse" in file.text
    figures.add(CASE, "todos", "a to-do kept, exported and downloaded")


@pytest.mark.timeout(250)
def test_mailroom_sends_one_mail(release: Release, mails: str, figures: Figures) -> None:
    mail = {"email": "ann@example.org", "subject": "From the cluster", "body": "The lamp is lit."}
    sent = call(release.platform, "POST", "/tasks/email", 202, json=mail)
    assert sent["status"] == "queued"
    until(release.platform, f"/tasks/{sent['task_id']}", "status", "SUCCESS")
    caught = httpx.get(f"{mails}/mails", timeout=30, trust_env=False).json()
    assert [m["subject"] for m in caught["mails"]] == ["From the cluster"], caught
    again = call(release.platform, "POST", "/tasks/email", 202, json=mail)
    until(release.platform, f"/tasks/{again['task_id']}", "status", "SUCCESS")
    assert len(httpx.get(f"{mails}/mails", timeout=30, trust_env=False).json()["mails"]) == 1
    figures.add(CASE, "mailroom", "a mail asked for twice, caught once")


@pytest.mark.timeout(250)
def test_summaries_makes_a_summary(release: Release, figures: Figures) -> None:
    key = {"X-API-Key": release.platform.client.headers["Authorization"].removeprefix("Bearer ")}
    article = {"title": "The lighthouse", "text": TEXT}
    kept = call(release.platform, "POST", "/api/articles", 201, json=article, headers=key)
    path = f"/api/summarization/enqueue?article_id={kept['id']}"
    queued = call(release.platform, "POST", path, 202, headers=key)
    status = f"/api/summarization/status/{queued['job_id']}"
    done = until(release.platform, status, "status", "OK", headers=key)
    assert "lamp" in done["summary"]
    figures.add(CASE, "summaries", f"{len(TEXT)} characters to {len(done['summary'])}")


@pytest.mark.timeout(250)
def test_delays_answers_when_the_time_is_over(release: Release, figures: Figures) -> None:
    def completed() -> Answer | None:
        # A pool at zero may need longer to start than a request waits.
        answer = release.platform.client.post("/process", json={"delay": 2}, timeout=60)
        assert answer.status_code in (200, 202), answer.text
        return dict(answer.json()) if answer.status_code == 200 else None

    done = eventually("a delay of 2 s is answered", EFFECT_SECONDS, completed)
    assert done["status"] == "completed"
    figures.add(CASE, "delays", f"2 s asked, {done['time']} s taken")


@pytest.mark.timeout(60)
def test_one_page_tells_how_all_of_them_are(release: Release) -> None:
    health = call(release.platform, "GET", "/health", 200)
    assert health["status"] in ("healthy", "degraded"), health
    assert health["database"] == health["redis"] == "healthy", health
