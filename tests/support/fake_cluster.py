"""The few endpoints of the Kubernetes API that the scaler uses, over HTTP, with resource versions.

Only what the scaler may do is there: everything else is answered 403, as RBAC would.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from windrow.scaler.marks import COST

NAMESPACE = "here"
PAGE = "1"
Answer = tuple[int, dict[str, Any]]


class FakeCluster:
    """Objects of one namespace, and what was asked about them."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._version = 100
        self.pods: dict[str, dict[str, Any]] = {}
        self.deployments: dict[str, dict[str, Any]] = {}
        self.scaled_objects: dict[str, dict[str, Any]] = {}
        self.leases: dict[str, dict[str, Any]] = {}
        #: "METHOD path" of every request that was answered well.
        self.calls: list[str] = []
        #: Called with "METHOD path" before anything happens; what it returns is the answer.
        self.trouble: Callable[[str], Answer | None] = lambda call: None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.cluster = self  # type: ignore[attr-defined]
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()

    def kubeconfig(self, path: Path) -> Path:
        """A kubeconfig that leads here."""
        path.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "clusters": [{"name": "c", "cluster": {"server": self.url}}],
                    "users": [{"name": "u", "user": {"token": "t"}}],
                    "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
                    "current-context": "x",
                }
            )
        )
        return path

    def add_pods(self, *names: str, **annotations: str) -> None:
        """Pods of the label app=worker."""
        with self.lock:
            for name in names:
                self.pods[name] = self._new(name, labels={"app": "worker"}, annotations=dict(annotations))

    def add_deployment(self, name: str, replicas: int) -> None:
        with self.lock:
            self.deployments[name] = {**self._new(name), "spec": {"replicas": replicas}}

    def add_scaled_object(self, name: str, **annotations: str) -> None:
        with self.lock:
            self.scaled_objects[name] = self._new(name, annotations=dict(annotations))

    def replicas(self, name: str) -> int:
        with self.lock:
            return int(self.deployments[name]["spec"]["replicas"])

    def set_replicas(self, name: str, replicas: int) -> None:
        """What a person or the autoscaler does."""
        with self.lock:
            self.deployments[name]["spec"]["replicas"] = replicas
            self._touch(self.deployments[name])

    def annotations(self, pod: str) -> dict[str, str]:
        with self.lock:
            return dict(self.pods[pod]["metadata"].get("annotations", {}))

    def remove_one(self) -> str:
        """What a ReplicaSet does with pods that all serve: the lowest cost goes; the worst choice on a tie."""
        with self.lock:
            # The worst choice is the busy pod; tests name it so that it sorts first.
            victim = min(self.pods, key=lambda name: (int(self.annotations(name).get(COST, "0")), name))
            del self.pods[victim]
            return victim

    def count(self, pattern: str) -> int:
        """Calls that went well."""
        with self.lock:
            return sum(1 for call in self.calls if re.search(pattern, call))

    def answer(self, method: str, url: str, body: Any) -> Answer:
        """One request."""
        split = urlsplit(url)
        call = f"{method} {split.path}"
        found = self.trouble(call)
        if found is None:
            with self.lock:
                found = self._route(method, split.path, parse_qs(split.query), body)
                if found[0] < 400:
                    self.calls.append(call)
        return found

    def _route(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> Answer:
        core, apps = f"/api/v1/namespaces/{NAMESPACE}", f"/apis/apps/v1/namespaces/{NAMESPACE}"
        leases = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases"
        scaled = f"/apis/keda.sh/v1alpha1/namespaces/{NAMESPACE}/scaledobjects"
        parent, _, name = path.rpartition("/")
        match method:
            case "GET" if path == f"{core}/pods":
                return self._list(query)
            case "PATCH" if parent == f"{core}/pods":
                return self._merge(self.pods, name, body)
            case "GET" | "PATCH" if (
                parts := re.fullmatch(f"{apps}/deployments/([^/]+)/scale", path)
            ) is not None:
                name = parts[1]
                return (
                    self._get(self.deployments, name)
                    if method == "GET"
                    else self._merge(self.deployments, name, body)
                )
            case "GET" if parent == leases:
                return self._get(self.leases, name)
            case "GET" if parent == scaled:
                return self._get(self.scaled_objects, name)
            case "POST" if path == leases:
                return self._create(body)
            case "PUT" if parent == leases:
                return self._replace(name, body)
        return _status(403, f"{method} {path} is forbidden")

    def _list(self, query: dict[str, list[str]]) -> Answer:
        """Two pages, as soon as there are two pods."""
        label, _, value = query["labelSelector"][0].partition("=")
        found = [pod for pod in self.pods.values() if pod["metadata"].get("labels", {}).get(label) == value]
        first = query.get("continue") != [PAGE]
        items = found[:1] if first else found[1:]
        metadata = {"continue": PAGE} if first and len(found) > 1 else {}
        return 200, {"kind": "PartialObjectMetadataList", "metadata": metadata, "items": items}

    def _get(self, kind: dict[str, dict[str, Any]], name: str) -> Answer:
        return (200, kind[name]) if name in kind else _status(404, f"{name} not found")

    def _merge(self, kind: dict[str, dict[str, Any]], name: str, patch: dict[str, Any]) -> Answer:
        if name not in kind:
            return _status(404, f"{name} not found")
        if _is_old(patch, kind[name]):
            return _status(409, f"{name} has been modified")
        kind[name] = merged(kind[name], patch)
        self._touch(kind[name])
        return 200, kind[name]

    def _create(self, body: dict[str, Any]) -> Answer:
        name = body["metadata"]["name"]
        if name in self.leases:
            return _status(409, f"{name} already exists")
        self.leases[name] = body
        self._touch(body)
        return 201, body

    def _replace(self, name: str, body: dict[str, Any]) -> Answer:
        if name not in self.leases:
            return _status(404, f"{name} not found")
        if _is_old(body, self.leases[name]):
            return _status(409, f"{name} has been modified")
        self.leases[name] = body
        self._touch(body)
        return 200, body

    def _new(self, name: str, **metadata: Any) -> dict[str, Any]:
        found = {"metadata": {"name": name, **metadata}}
        self._touch(found)
        return found

    def _touch(self, found: dict[str, Any]) -> None:
        self._version += 1
        found["metadata"]["resourceVersion"] = str(self._version)


def merged(target: Any, patch: Any) -> Any:
    """A JSON merge patch, as RFC 7396 says."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def _is_old(body: dict[str, Any], found: dict[str, Any]) -> bool:
    version = body["metadata"].get("resourceVersion")
    return version is not None and version != found["metadata"]["resourceVersion"]


def _status(code: int, message: str) -> Answer:
    return code, {"kind": "Status", "status": "Failure", "message": message, "code": code}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        cluster: FakeCluster = self.server.cluster  # type: ignore[attr-defined]
        status, answer = cluster.answer(self.command, self.path, body)
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_PATCH(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        self.do_GET()

    def do_PUT(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:
        pass
