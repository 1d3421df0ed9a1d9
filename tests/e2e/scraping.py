"""What a Prometheus of this machine scrapes of the cluster's pods: by the API server's proxy, with our own rights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from kubernetes import client

from tests.e2e.cluster import CALL_SECONDS

#: By way of the API server a scrape takes longer; celery-exporter asks every worker at each, and waits for answers.
USUAL = {"scrape_interval": "4s", "scrape_timeout": "4s"}
PATIENT = {"scrape_interval": "10s", "scrape_timeout": "10s"}


@dataclass(frozen=True)
class PodTarget:
    """A pod's port, with the labels that a ServiceMonitor of the chart, or of the others' charts, gives it."""

    job: str
    namespace: str
    pod: str
    port: int
    #: Its own label `namespace` is that of what it speaks of.
    honor_labels: bool = False
    patient: bool = False

    def config(self) -> dict[str, Any]:
        """As an entry of scrape_configs."""
        access = client.Configuration.get_default_copy()
        labels = {"job": self.job, "namespace": self.namespace, "pod": self.pod, "instance": self.pod}
        path = f"/api/v1/namespaces/{self.namespace}/pods/{self.pod}:{self.port}/proxy/metrics"
        files = {
            "ca_file": access.ssl_ca_cert,
            "cert_file": access.cert_file,
            "key_file": access.key_file,
        }
        token = str(access.api_key.get("authorization", "")).removeprefix("Bearer ")
        return {
            "job_name": f"{self.job}/{self.pod}",
            "scheme": "https",
            "metrics_path": path,
            "honor_labels": self.honor_labels,
            "tls_config": {name: file for name, file in files.items() if file},
            **({"authorization": {"credentials": token}} if token else {}),
            **(PATIENT if self.patient else USUAL),
            "static_configs": [{"targets": [urlsplit(access.host).netloc], "labels": labels}],
        }


def targets(
    job: str,
    selector: str,
    port: int,
    namespace: str = "",
    *,
    honor_labels: bool = False,
    patient: bool = False,
) -> list[PodTarget]:
    """One for each running pod with those labels; in all namespaces unless one is named."""
    core: Any = client.CoreV1Api()
    asked = {"label_selector": selector, "_request_timeout": CALL_SECONDS}
    found = (
        core.list_namespaced_pod(namespace, **asked)
        if namespace
        else core.list_pod_for_all_namespaces(**asked)
    )
    return [
        PodTarget(job, pod.metadata.namespace, pod.metadata.name, port, honor_labels, patient)
        for pod in found.items
        if pod.status.phase == "Running" and pod.metadata.deletion_timestamp is None
    ]
