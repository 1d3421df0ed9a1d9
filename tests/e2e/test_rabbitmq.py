"""The same release with its queues on RabbitMQ: KEDA's rabbitmq trigger, from no worker to all of them and back."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest
import yaml

from tests.e2e.cluster import CALL_SECONDS
from tests.e2e.figures import Figures
from tests.e2e.helm import pools
from tests.e2e.platform import now
from tests.e2e.pool_watch import PoolWatch
from tests.e2e.release import Release, new_tag
from tests.e2e.verdict import flaws
from tests.e2e.waiting import eventually

pytestmark = [pytest.mark.full, pytest.mark.timeout(600)]

MANIFESTS = Path(__file__).with_name("rabbitmq.yaml")
CASE = "the queues on RabbitMQ"
MAX = 4
JOBS, JOB_SECONDS = 24, 15


@pytest.fixture(scope="module")
def management(release: Release) -> Iterator[httpx.Client]:
    """RabbitMQ's own API, of the server that the release is moved to for this module."""
    cluster, namespace = release.cluster, release.cluster.namespace
    password = secrets.token_urlsafe(16)
    text = (
        MANIFESTS.read_text("utf-8").replace("IMAGE", release.images.rabbitmq).replace("PASSWORD", password)
    )
    for document in yaml.safe_load_all(text):
        cluster.create(document)
    rabbit = f"broker.type=rabbitmq,broker.rabbitmq.host=rabbitmq.{namespace}.svc"
    release.helm.upgrade(
        *pools(release.images, release.subjects),
        *("--set", f"{rabbit},broker.rabbitmq.existingSecret=rabbitmq"),
    )
    release.ready()
    service = cluster.core.read_namespaced_service("rabbitmq", namespace, _request_timeout=CALL_SECONDS)
    port = {found.name: found.node_port for found in service.spec.ports}["pages"]
    host = urlsplit(str(release.platform.client.base_url)).hostname
    with httpx.Client(
        base_url=f"http://{host}:{port}", auth=("windrow", password), timeout=10, trust_env=False
    ) as client:
        yield client
    # Back to where the other cases expect it.
    release.helm.upgrade(*pools(release.images, release.subjects))
    release.ready()


def queue(management: httpx.Client, name: str) -> dict[str, Any]:
    """What the server says of a queue; empty while there is none."""
    answer = management.get(f"/api/queues/%2F/{quote(name, safe='')}")
    return dict(answer.json()) if answer.status_code == 200 else {}


def test_keda_takes_a_pool_from_none_to_all_and_back_by_what_rabbitmq_says(
    release: Release, figures: Figures, management: httpx.Client
) -> None:
    platform, cluster = release.platform, release.cluster
    triggers = cluster.triggers(release.deployment("burst"))
    assert {trigger["type"] for trigger in triggers} == {"rabbitmq"}
    release.empty("burst")
    tag = new_tag("rabbit")
    with PoolWatch(cluster, "burst") as watch:
        began = now()
        ids = platform.sleeps([JOB_SECONDS] * JOBS, queue="burst", tag=tag, priority=9)
        seen = eventually(
            "the server's own API shows the queue of the highest step with what waits in it",
            30,
            lambda: (found := queue(management, "burst:9")).get("messages") and found,
        )
        assert seen["type"] == "quorum"
        assert seen["durable"] is True
        eventually("the first pod", 90, lambda: watch.first(1))
        eventually(
            "what workers hold is unacknowledged there, and keeps them",
            120,
            lambda: queue(management, "burst:9").get("messages_unacknowledged"),
        )
        jobs = platform.ended(tag, len(ids), 240)
        ended = now()
        release.empty("burst")
        gone = now()
    first = watch.first(1)
    assert first is not None
    assert watch.most > 1, f"never more than {watch.most} of {MAX} pods"
    assert not flaws(platform, jobs, ids)
    left = queue(management, "burst:9")
    assert (left["messages_ready"], left["messages_unacknowledged"]) == (0, 0)
    figures.add(CASE, "from the first submit to the first pod", first - began)
    figures.add(CASE, f"pods at most, of {MAX}", watch.most)
    figures.add(CASE, f"{JOBS} jobs of {JOB_SECONDS} s ended after", ended - began)
    figures.add(CASE, "from the last end to no pod", gone - ended)


def test_a_request_is_answered_when_its_job_ends(
    release: Release, figures: Figures, management: httpx.Client
) -> None:
    began = now()

    def completed() -> dict[str, Any] | None:
        # The pool starts from nothing: the first request may be answered with 202 before its pod is there.
        answer = release.platform.client.post("/process", json={"delay": 2}, timeout=60)
        assert answer.status_code in (200, 202), answer.text
        return dict(answer.json()) if answer.status_code == 200 else None

    body = eventually("a request is answered with its job's result", 180, completed)
    assert body["status"] == "completed"
    assert body["result"]["waited"] >= 2
    assert queue(management, "delays")["type"] == "quorum"
    figures.add(CASE, "POST /process from an empty pool, until a 200", now() - began)
    figures.add(CASE, "its own `time`, with a delay of 2 s", float(body["time"]))
