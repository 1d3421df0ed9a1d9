"""A NodePort of our own for the release's API, or another of its doors, whatever the chart's own Service is."""

from __future__ import annotations

import os

from kubernetes import client

from tests.e2e.cluster import CALL_SECONDS, Cluster

NAME = "e2e-door"


def open_door(cluster: Cluster, release: str, component: str = "api", name: str = NAME) -> str:
    """Its URL. WINDROW_E2E_NODE is the node's address where its own is not to be reached from here."""
    labels = {"app.kubernetes.io/instance": release, "app.kubernetes.io/component": component}
    port = client.V1ServicePort(port=80, target_port="http")
    service = cluster.core.create_namespaced_service(
        cluster.namespace,
        client.V1Service(
            metadata=client.V1ObjectMeta(name=name),
            spec=client.V1ServiceSpec(type="NodePort", selector=labels, ports=[port]),
        ),
        _request_timeout=CALL_SECONDS,
    )
    address = os.environ.get("WINDROW_E2E_NODE") or _node_address(cluster)
    return f"http://{address}:{service.spec.ports[0].node_port}"


def _node_address(cluster: Cluster) -> str:
    nodes = cluster.core.list_node(_request_timeout=CALL_SECONDS).items
    addresses = {a.type: a.address for a in nodes[0].status.addresses}
    return str(addresses.get("ExternalIP") or addresses["InternalIP"])
