"""One namespace of the cluster that KUBECONFIG names, as far as the tests look at it and disturb it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from kubernetes import client, config, utils
from kubernetes.client.exceptions import ApiException
from kubernetes.stream import stream

#: Seconds that one call to the API server may take: a machine that is busy is slow to shake hands.
CALL_SECONDS = 40
NOT_FOUND, CONFLICT = 404, 409
COST = "controller.kubernetes.io/pod-deletion-cost"
PAUSED = "autoscaling.keda.sh/paused"
KEDA = {"group": "keda.sh", "version": "v1alpha1", "plural": "scaledobjects"}
#: What holds a namespace to the strictest standard: the release runs in it as it is.
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


class Pod(NamedTuple):
    """A pod as the API server shows it."""

    name: str
    ready: bool
    terminating: bool
    created: datetime
    #: What the scaler says of it; 0: idle.
    cost: int
    phase: str


def reachable() -> str:
    """Empty when a cluster answers; else why not."""
    try:
        config.load_kube_config()
        client.VersionApi().get_code(_request_timeout=CALL_SECONDS)
    except Exception as exc:
        return f"no cluster answers: {type(exc).__name__}: {str(exc).splitlines()[0]}"
    return ""


class Cluster:
    """Blocking; for several threads."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace
        # To a type checker every field of every model could be missing.
        self.core: Any = client.CoreV1Api()
        self.apps: Any = client.AppsV1Api()
        self.batch: Any = client.BatchV1Api()
        self._custom: Any = client.CustomObjectsApi()

    def make_namespace(self) -> None:
        """Create it, held to the restricted Pod Security standard."""
        metadata = client.V1ObjectMeta(name=self.namespace, labels=RESTRICTED)
        self.core.create_namespace(client.V1Namespace(metadata=metadata), _request_timeout=CALL_SECONDS)

    def drop_namespace(self) -> None:
        """Ask for its end, with all that is in it; does not wait."""
        try:
            self.core.delete_namespace(self.namespace, _request_timeout=CALL_SECONDS)
        except ApiException as exc:
            if exc.status not in (NOT_FOUND, CONFLICT):
                raise

    def create(self, document: dict[str, Any]) -> None:
        """One object from its manifest; one that is there already stays."""
        try:
            utils.create_from_dict(client.ApiClient(), document, namespace=self.namespace)
        except utils.FailToCreateError as exc:
            if any(cause.status != CONFLICT for cause in exc.api_exceptions):
                raise

    def secret(self, name: str, key: str) -> str | None:
        """A word of a Secret; None while there is none."""
        try:
            found = self.core.read_namespaced_secret(name, self.namespace, _request_timeout=CALL_SECONDS)
        except ApiException as exc:
            if exc.status == NOT_FOUND:
                return None
            raise
        return base64.b64decode(found.data[key]).decode()

    def config_map(self, name: str, key: str) -> str:
        """A text of a ConfigMap."""
        found = self.core.read_namespaced_config_map(name, self.namespace, _request_timeout=CALL_SECONDS)
        return str(found.data[key])

    def run(self, pod: str, *command: str) -> str:
        """`kubectl exec`: what the command printed, errors too."""
        call = self.core.connect_get_namespaced_pod_exec
        options = {
            "stdout": True,
            "stderr": True,
            "_request_timeout": CALL_SECONDS,
            "_preload_content": False,
        }
        ran: Any = stream(call, pod, self.namespace, command=list(command), **options)
        try:
            ran.run_forever(timeout=CALL_SECONDS)
            return str(ran.read_all())
        finally:
            ran.close()
            # It leaves the socket under its own to the garbage collector.
            if ran.sock.sock is not None:
                ran.sock.sock.close()

    def pods(self, component: str, pool: str = "") -> list[Pod]:
        """The pods of a component, or of one pool of workers; those on their way out, too."""
        selector = f"app.kubernetes.io/component={component}" + (f",windrow.dev/pool={pool}" if pool else "")
        found = self.core.list_namespaced_pod(
            self.namespace, label_selector=selector, _request_timeout=CALL_SECONDS
        )
        return [_pod(item) for item in found.items]

    def workers(self, pool: str) -> list[Pod]:
        """The pods of a pool that are there to stay."""
        return [pod for pod in self.pods("worker", pool) if not pod.terminating]

    def delete(self, pods: Sequence[Pod]) -> None:
        """`kubectl delete --force --grace-period=0`: no drain, no farewell."""
        for pod in pods:
            try:
                self.core.delete_namespaced_pod(
                    pod.name, self.namespace, grace_period_seconds=0, _request_timeout=CALL_SECONDS
                )
            except ApiException as exc:
                if exc.status != NOT_FOUND:
                    raise

    def scale(self, deployment: str, replicas: int) -> None:
        """`kubectl scale`."""
        self.apps.patch_namespaced_deployment_scale(
            deployment, self.namespace, {"spec": {"replicas": replicas}}, _request_timeout=CALL_SECONDS
        )

    def replicas(self, deployment: str) -> int:
        """How many it is asked to have."""
        scale = self.apps.read_namespaced_deployment_scale(
            deployment, self.namespace, _request_timeout=CALL_SECONDS
        )
        return int(scale.spec.replicas or 0)

    def pause(self, scaled_object: str, paused: bool) -> None:
        """Take KEDA's hands, and the scaler's, off a pool's size, or give it back."""
        body = {"metadata": {"annotations": {PAUSED: "true" if paused else None}}}
        self._custom.patch_namespaced_custom_object(
            **KEDA, namespace=self.namespace, name=scaled_object, body=body, _request_timeout=CALL_SECONDS
        )

    def triggers(self, scaled_object: str) -> list[dict[str, Any]]:
        """What KEDA counts for a pool."""
        found = self._custom.get_namespaced_custom_object(
            **KEDA, namespace=self.namespace, name=scaled_object, _request_timeout=CALL_SECONDS
        )
        return list(found["spec"]["triggers"])

    def unready(self) -> list[str]:
        """What of the namespace is not yet as it was asked to be."""
        missing = [*self._unready_sets(), *self._unready_jobs(), *self._unready_objects()]
        for pod in self.core.list_namespaced_pod(self.namespace, _request_timeout=CALL_SECONDS).items:
            state = _pod(pod)
            if state.phase not in ("Succeeded", "Failed") and not state.ready:
                missing.append(f"pod {state.name} is {state.phase}, not ready")
        return missing

    def _unready_sets(self) -> list[str]:
        missing = []
        for kind, found in (
            (
                "Deployment",
                self.apps.list_namespaced_deployment(self.namespace, _request_timeout=CALL_SECONDS),
            ),
            (
                "StatefulSet",
                self.apps.list_namespaced_stateful_set(self.namespace, _request_timeout=CALL_SECONDS),
            ),
        ):
            for item in found.items:
                wanted, ready = item.spec.replicas or 0, item.status.ready_replicas or 0
                updated = item.status.updated_replicas or 0
                seen = item.status.observed_generation == item.metadata.generation
                if not seen or ready < wanted or (updated < wanted):
                    missing.append(
                        f"{kind} {item.metadata.name}: {ready} of {wanted} ready, {updated} updated"
                    )
        return missing

    def _unready_jobs(self) -> list[str]:
        found = self.batch.list_namespaced_job(self.namespace, _request_timeout=CALL_SECONDS)
        return [
            f"Job {item.metadata.name} has not succeeded" for item in found.items if not item.status.succeeded
        ]

    def _unready_objects(self) -> list[str]:
        found = self._custom.list_namespaced_custom_object(
            **KEDA, namespace=self.namespace, _request_timeout=CALL_SECONDS
        )
        missing = []
        for item in found["items"]:
            conditions = {c["type"]: c["status"] for c in item.get("status", {}).get("conditions", [])}
            if conditions.get("Ready") != "True":
                missing.append(f"ScaledObject {item['metadata']['name']}: {conditions}")
        return missing


def _pod(item: Any) -> Pod:
    ready = any(c.type == "Ready" and c.status == "True" for c in item.status.conditions or ())
    cost = int((item.metadata.annotations or {}).get(COST, "0"))
    gone = item.metadata.deletion_timestamp is not None
    return Pod(item.metadata.name, ready, gone, item.metadata.creation_timestamp, cost, item.status.phase)
