"""Serves a registry's /metrics, and /livez, over HTTP, a thread a request."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

StartResponse = Callable[[str, list[tuple[str, str]]], Any]


class _Handler(WSGIRequestHandler):
    #: Seconds for a client to say what it wants: a silent one must not keep a thread.
    timeout = 10

    def log_message(self, format: str, *args: Any) -> None:
        """A line for each scrape tells nobody anything."""


class _Server6(ThreadingWSGIServer):
    address_family = socket.AF_INET6


def application(registry: CollectorRegistry) -> Callable[[dict[str, Any], StartResponse], Iterable[bytes]]:
    """The WSGI application."""
    metrics = make_wsgi_app(registry)

    def answer(environ: dict[str, Any], start: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/metrics":
            found: Iterable[bytes] = metrics(environ, start)
            return found
        alive = environ["PATH_INFO"] == "/livez"
        start("200 OK" if alive else "404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
        return [b"ok\n" if alive else b"/metrics and /livez are here\n"]

    return answer


def bind(registry: CollectorRegistry, host: str, port: int) -> ThreadingWSGIServer:
    """A server that listens and does not answer yet; raises OSError."""
    kind = _Server6 if ":" in host else ThreadingWSGIServer
    return make_server(host, port, application(registry), kind, _Handler)
