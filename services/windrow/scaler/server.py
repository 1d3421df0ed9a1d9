"""Answers the kubelet and Prometheus: /livez and /metrics."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

REQUEST_SECONDS = 5.0
TEXT = "text/plain; charset=utf-8"


class Server(ThreadingHTTPServer):
    """Listens once made, answers once started; `stuck` names what does not turn any more."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(
        self, host: str, port: int, registry: CollectorRegistry, stuck: Callable[[], list[str]]
    ) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.registry = registry
        self.stuck = stuck
        super().__init__((host, port), _Handler)
        self._thread = threading.Thread(target=self.serve_forever, name="windrow-http", daemon=True)

    def start(self) -> None:
        """Answer from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Answer no more."""
        if self._thread.ident is not None:
            self.shutdown()
            self._thread.join(REQUEST_SECONDS)
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: Server
    timeout = REQUEST_SECONDS

    def do_GET(self) -> None:
        if self.path == "/metrics":
            self._answer(200, CONTENT_TYPE_LATEST, generate_latest(self.server.registry))
        elif self.path == "/livez":
            stuck = self.server.stuck()
            text = f"stuck: {', '.join(stuck)}\n" if stuck else "ok\n"
            self._answer(503 if stuck else 200, TEXT, text.encode())
        else:
            self._answer(404, TEXT, b"/livez or /metrics\n")

    def log_message(self, format: str, *args: object) -> None:
        """A probe every few seconds is no news."""

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
