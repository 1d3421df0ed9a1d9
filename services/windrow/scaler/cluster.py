"""The few calls to the Kubernetes API that the scaler makes, each of which ends in time.

They go through the client library's connection, authentication and token refresh, and not through its
models: those take two seconds of CPU and 90 MB to load, and of a pod only the metadata is asked for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from kubernetes.client.api_client import ApiClient
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from windrow.scaler.election import Record
from windrow.scaler.errors import ClusterRefused, ClusterUnavailable, Conflict, NotThere
from windrow.scaler.marks import OURS, Marks

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
#: Present on a ScaledObject, whatever their value: its replicas are a person's to set.
PAUSED = (
    "autoscaling.keda.sh/paused",
    "autoscaling.keda.sh/paused-replicas",
    "autoscaling.keda.sh/paused-scale-out",
)
PAGE = 500
TOO_MANY, INTERNAL = 429, 500


class Size(NamedTuple):
    """Replicas that a Deployment is asked to have, and the version of that request."""

    replicas: int
    version: str


class Held(NamedTuple):
    """A Lease as read."""

    record: Record
    version: str


class Cluster:
    """One namespace. Raises ClusterUnavailable and ClusterRefused. For several threads."""

    def __init__(self, api: ApiClient, namespace: str, timeout: float) -> None:
        self._api = api
        self._namespace = quote(namespace, safe="")
        self._timeout = timeout

    def pods(self, selector: str) -> dict[str, dict[str, str]]:
        """Our annotations of each pod that is not on its way out."""
        found: dict[str, dict[str, str]] = {}
        query = [("labelSelector", selector), ("limit", str(PAGE))]
        following = ""
        while True:
            more = [("continue", following)] if following else []
            page = self._call("GET", self._core("pods"), query=query + more, accept=METADATA_ONLY)
            for item in page.get("items") or ():
                metadata = item["metadata"]
                if not metadata.get("deletionTimestamp"):
                    annotations = metadata.get("annotations") or {}
                    found[metadata["name"]] = {
                        name: annotations[name] for name in OURS if name in annotations
                    }
            following = page.get("metadata", {}).get("continue", "")
            if not following:
                return found

    def annotate(self, pod: str, marks: Marks) -> None:
        """Set annotations; None removes one."""
        body = {"metadata": {"annotations": dict(marks)}}
        self._call("PATCH", self._core("pods", pod), body=body, content_type=MERGE_PATCH)

    def size(self, deployment: str) -> Size:
        """The replicas asked of a Deployment."""
        scale = self._call("GET", self._scale(deployment))
        return Size(int(scale.get("spec", {}).get("replicas", 0)), scale["metadata"]["resourceVersion"])

    def resize(self, deployment: str, replicas: int, version: str) -> None:
        """Ask for so many; Conflict when somebody changed the Deployment since `version`."""
        body = {"metadata": {"resourceVersion": version}, "spec": {"replicas": replicas}}
        self._call("PATCH", self._scale(deployment), body=body, content_type=MERGE_PATCH)

    def is_paused(self, scaled_object: str) -> bool:
        """Whether a person paused the ScaledObject, all of it or its way up."""
        path = f"/apis/keda.sh/v1alpha1/namespaces/{self._namespace}/scaledobjects/{quote(scaled_object, safe='')}"
        annotations: Mapping[str, str] = self._call("GET", path)["metadata"].get("annotations") or {}
        return any(annotations.get(name, "false") != "false" for name in PAUSED)

    def lease(self, name: str) -> Held:
        """A Lease; raises NotThere."""
        found = self._call("GET", f"{self._leases()}/{quote(name, safe='')}")
        spec = found.get("spec") or {}
        record = Record(
            spec.get("holderIdentity") or "",
            int(spec.get("leaseDurationSeconds") or 0),
            spec.get("acquireTime") or "",
            spec.get("renewTime") or "",
            int(spec.get("leaseTransitions") or 0),
        )
        return Held(record, found["metadata"]["resourceVersion"])

    def write_lease(self, name: str, record: Record, version: str | None) -> None:
        """Write it over what was read as `version`; None creates it. Conflict when somebody was faster."""
        spec = {
            "holderIdentity": record.holder,
            "leaseDurationSeconds": record.duration_seconds,
            "acquireTime": record.acquired,
            "renewTime": record.renewed,
            "leaseTransitions": record.transitions,
        }
        body: dict[str, Any] = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": name},
            "spec": {key: value for key, value in spec.items() if value != ""},
        }
        if version is None:
            self._call("POST", self._leases(), body=body)
        else:
            body["metadata"]["resourceVersion"] = version
            self._call("PUT", f"{self._leases()}/{quote(name, safe='')}", body=body)

    def _core(self, kind: str, name: str = "") -> str:
        path = f"/api/v1/namespaces/{self._namespace}/{kind}"
        return f"{path}/{quote(name, safe='')}" if name else path

    def _scale(self, deployment: str) -> str:
        return f"/apis/apps/v1/namespaces/{self._namespace}/deployments/{quote(deployment, safe='')}/scale"

    def _leases(self) -> str:
        return f"/apis/coordination.k8s.io/v1/namespaces/{self._namespace}/leases"

    def _call(
        self,
        method: str,
        path: str,
        *,
        query: list[tuple[str, str]] | None = None,
        body: Mapping[str, Any] | None = None,
        content_type: str = JSON,
        accept: str = JSON,
    ) -> dict[str, Any]:
        headers = {"Accept": accept, **({"Content-Type": content_type} if body is not None else {})}
        request = self._api.param_serialize(
            method,
            path,
            query_params=list(query or ()),
            header_params=headers,
            body=body,
            auth_settings=["BearerToken"],
        )
        try:
            response = self._api.call_api(*request, _request_timeout=(self._timeout, self._timeout))
            content = response.read()
        except (HTTPError, ApiException, OSError) as exc:
            raise ClusterUnavailable(f"{method} {path}: {exc}") from exc
        if response.status >= 400:
            raise _error(f"{method} {path}", response.status, content)
        found: dict[str, Any] = json.loads(content)
        return found


def _error(call: str, status: int, content: bytes) -> ClusterUnavailable | ClusterRefused:
    try:
        message = json.loads(content)["message"]
    except (ValueError, KeyError, TypeError):
        message = content[:200].decode(errors="replace")
    text = f"{call}: {status} {message}"
    if status == TOO_MANY or status >= INTERNAL:
        return ClusterUnavailable(text)
    if status == 409:
        return Conflict(text, status)
    return NotThere(text, status) if status == 404 else ClusterRefused(text, status)
