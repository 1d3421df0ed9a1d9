"""What a namespace looked like when a test failed: pods, events, the ends of all logs."""

from __future__ import annotations

from pathlib import Path

from kubernetes.client.exceptions import ApiException

from tests.e2e.cluster import CALL_SECONDS, Cluster

TAIL_LINES = 200


def gather(cluster: Cluster, path: Path) -> None:
    """Write it to `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*_pods(cluster), *_events(cluster), *_logs(cluster)]) + "\n", encoding="utf-8")


def _pods(cluster: Cluster) -> list[str]:
    found = cluster.core.list_namespaced_pod(cluster.namespace, _request_timeout=CALL_SECONDS).items
    lines = []
    for pod in found:
        containers = [
            f"{status.name}: ready={status.ready} restarts={status.restart_count} {_state(status.state)}"
            for status in [
                *(pod.status.init_container_statuses or ()),
                *(pod.status.container_statuses or ()),
            ]
        ]
        lines.append(f"{pod.metadata.name} {pod.status.phase} deleted={pod.metadata.deletion_timestamp}")
        lines += [f"    {line}" for line in containers]
    return ["== pods", *lines, *cluster.unready()]


def _state(state: object) -> str:
    return " ".join(str(state).split())


def _events(cluster: Cluster) -> list[str]:
    found = cluster.core.list_namespaced_event(cluster.namespace, _request_timeout=CALL_SECONDS).items
    found.sort(key=lambda event: str(event.last_timestamp or event.event_time))
    return [
        "== events",
        *(
            f"{event.last_timestamp or event.event_time} {event.involved_object.name} {event.reason}: {event.message}"
            for event in found
        ),
    ]


def _logs(cluster: Cluster) -> list[str]:
    lines = []
    for pod in cluster.core.list_namespaced_pod(cluster.namespace, _request_timeout=CALL_SECONDS).items:
        for container in [*(pod.spec.init_containers or ()), *pod.spec.containers]:
            try:
                text = cluster.core.read_namespaced_pod_log(
                    pod.metadata.name,
                    cluster.namespace,
                    container=container.name,
                    tail_lines=TAIL_LINES,
                    _request_timeout=CALL_SECONDS,
                )
            except ApiException as exc:
                text = f"({exc.status})"
            lines.append(f"== log {pod.metadata.name} {container.name}\n{text}")
    return lines
