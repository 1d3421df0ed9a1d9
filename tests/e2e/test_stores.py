"""A production release on external stores, each reached by TLS only: Redis by itself, and Redis behind a Sentinel."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
import trustme
import yaml

from tests.e2e.cluster import CALL_SECONDS, Cluster
from tests.e2e.door import open_door
from tests.e2e.figures import Figures
from tests.e2e.helm import Helm, names
from tests.e2e.platform import Platform, first_answer, now
from tests.e2e.pool_watch import PoolWatch
from tests.e2e.release import READY_SECONDS, Release
from tests.e2e.waiting import eventually, settled

pytestmark = pytest.mark.full
HERE = Path(__file__).parent
STORES = ("postgres", "redis", "sentinel")
BROKER_CA = "ssl_ca_certs=/etc/windrow/broker-ca/ca.crt"


@pytest.fixture(params=["rediss", "sentinel"])
def beside(request: pytest.FixtureRequest, release: Release) -> Iterator[tuple[Cluster, Helm, str]]:
    """A release in a namespace of its own, its stores in there, too."""
    kind = str(request.param)
    cluster = Cluster(f"{release.cluster.namespace}-{kind}")
    helm = Helm(cluster.namespace)
    cluster.make_namespace()
    try:
        _stores(cluster, kind)
        service, port = ("sentinel", 26379) if kind == "sentinel" else ("redis", 6379)
        given = f"broker.address={service}.{cluster.namespace}.svc:{port}"
        if kind == "sentinel":
            given += ",broker.sentinel.master=windrow"
        values = str(HERE / "stores-values.yaml")
        helm.install(*names(release.images), "--values", values, "--set-string", given)
        yield cluster, helm, kind
    finally:
        helm.uninstall()
        cluster.drop_namespace()


@pytest.mark.timeout(600)
def test_a_production_release_runs_on_stores_that_speak_tls_only(
    beside: tuple[Cluster, Helm, str], figures: Figures
) -> None:
    cluster, helm, kind = beside
    began = now()
    platform = Platform(
        open_door(cluster, helm.release),
        eventually("the first key", 240, lambda: cluster.secret(f"{helm.release}-api-key", "api-key")),
    )
    first_answer(platform, READY_SECONDS)
    # ScaledObjects among them: KEDA reads this Redis, or they would not be Ready.
    settled("everything is ready", READY_SECONDS, cluster.unready)
    case = f"external stores over TLS, {kind}"
    figures.add(case, "from helm install until all was ready", now() - began)
    with PoolWatch(cluster, "default") as watch:
        began = now()
        body = {"task": "parse.pages", "input": {"start_id": 1, "end_id": 3}}
        job = eventually("the task is known", 90, lambda: _accepted(platform, body))
        ended = eventually("the job ends", 120, lambda: _ended(platform, job))
        figures.add(case, "from the first job, with no worker, to its end", now() - began)
        assert ended["state"] == "succeeded", ended
        eventually("KEDA takes the pool to none", 120, lambda: not cluster.workers("default"))
    assert watch.most >= 1
    figures.add(case, "pods at most, and at the end", f"{watch.most} and 0")
    platform.close()


def _accepted(platform: Platform, body: dict[str, Any]) -> str | None:
    answer = platform.client.post("/v1/jobs", json=body)
    return str(answer.json()["id"]) if answer.status_code == 202 else None


def _ended(platform: Platform, job_id: str) -> dict[str, Any] | None:
    job = platform.job(job_id)
    return job if job["state"] in ("succeeded", "failed") else None


def _stores(cluster: Cluster, kind: str) -> None:
    """The Secrets of the stores and of the release, and the stores."""
    namespace, authority = cluster.namespace, trustme.CA()
    hosts = [f"{name}.{namespace}.svc" for name in STORES]
    issued = authority.issue_cert(*hosts)
    password, for_keda = token_hex(20), token_hex(20)
    postgres, redis, sentinel = hosts
    broker = (
        f"sentinel://:{password}@{sentinel}:26379/0?master_name=windrow&{BROKER_CA}"
        if kind == "sentinel"
        else f"rediss://:{password}@{redis}:6379/0?ssl_cert_reqs=required&{BROKER_CA}"
    )
    ledger = f"postgresql://windrow:{password}@{postgres}:5432/windrow"
    secrets: dict[str, dict[str, str]] = {
        "stores": {
            "ca.crt": authority.cert_pem.bytes().decode(),
            "tls.crt": b"".join(pem.bytes() for pem in issued.cert_chain_pems).decode(),
            "tls.key": issued.private_key_pem.bytes().decode(),
            "password": password,
            "keda-password": for_keda,
        },
        "ledger": {"database-url": f"{ledger}?sslmode=verify-full&sslrootcert=/etc/windrow/ledger-ca/ca.crt"},
        "broker": {"redis-url": broker},
        "keda": {"username": "keda", "password": for_keda},
    }
    for name, data in secrets.items():
        cluster.create({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data})
    text = (HERE / "stores.yaml").read_text("utf-8").replace("NAMESPACE", namespace)
    for document in yaml.safe_load_all(text):
        cluster.create(document)
    for name in STORES:
        eventually(f"{name} is ready", 120, lambda name=name: _ready(cluster, name))  # type: ignore[misc]


def _ready(cluster: Cluster, name: str) -> bool:
    pod = cluster.core.read_namespaced_pod(name, cluster.namespace, _request_timeout=CALL_SECONDS)
    return any(found.type == "Ready" and found.status == "True" for found in pod.status.conditions or ())
