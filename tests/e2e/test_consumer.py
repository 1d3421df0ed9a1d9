"""k8s/consumer.yaml, in a namespace of its own: a pod whose ServiceAccount's token is all it has to show."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.e2e.cluster import Cluster
from tests.e2e.figures import Figures
from tests.e2e.images import ROOT
from tests.e2e.release import Release
from tests.e2e.waiting import eventually

EXAMPLE = ROOT / "k8s" / "consumer.yaml"


@pytest.fixture(scope="module")
def shop(release: Release) -> Iterator[Cluster]:
    """The consumers' namespace, held to the same standard."""
    shop = Cluster(release.consumers)
    shop.make_namespace()
    yield shop
    shop.drop_namespace()


@pytest.mark.timeout(200)
@pytest.mark.parametrize(
    ("account", "audience", "answer"),
    [("web", "windrow", "20"), ("stranger", "windrow", "403"), ("web", "somebody-else", "401")],
)
def test_a_consumer_is_answered_by_what_its_token_says(
    release: Release, shop: Cluster, figures: Figures, account: str, audience: str, answer: str
) -> None:
    name = f"{account}-{audience}"
    for document in _manifests(release, name, account, audience):
        shop.create(document)
    said = eventually("the consumer was answered", 120, lambda: _said(shop, name))
    figures.add(
        "a consumer in another namespace",
        f"account {account}, audience {audience}",
        said.splitlines()[-1][:90],
    )
    if answer.startswith("20"):
        # 200 with the result, or 202 when the pool's first worker took longer than the caller waited.
        assert said.startswith(answer), said
    else:
        assert f"HTTP Error {answer}" in said, said


def _manifests(release: Release, name: str, account: str, audience: str) -> list[dict[str, Any]]:
    """The example with this run's names."""
    text = EXAMPLE.read_text("utf-8")
    for old, new in (
        ("windrow-api.windrow", f"{release.helm.release}-api.{release.cluster.namespace}"),
        ("metadata.name: windrow", f"metadata.name: {release.cluster.namespace}"),
        ("namespace: shop", f"namespace: {release.consumers}"),
        ("audience: windrow", f"audience: {audience}"),
    ):
        assert old in text, f"{EXAMPLE.name} has no {old!r} any more"
        text = text.replace(old, new)
    documents = list(yaml.safe_load_all(text))
    for document in documents:
        document["metadata"]["name"] = account if document["kind"] == "ServiceAccount" else name
        if document["kind"] == "Job":
            pod = document["spec"]["template"]["spec"]
            pod["serviceAccountName"] = account
            for volume in pod["volumes"]:
                if "configMap" in volume:
                    volume["configMap"]["name"] = name
    return documents


def _said(shop: Cluster, job: str) -> str | None:
    """What its first pod printed, once it has ended."""
    pods = shop.core.list_namespaced_pod(shop.namespace, label_selector=f"job-name={job}").items
    for pod in sorted(pods, key=lambda pod: pod.metadata.creation_timestamp):
        if pod.status.phase in ("Succeeded", "Failed"):
            return str(shop.core.read_namespaced_pod_log(pod.metadata.name, shop.namespace))
    return None
