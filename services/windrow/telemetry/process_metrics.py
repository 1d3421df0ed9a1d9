"""A process's own figures at an address of its own: CPU, memory, descriptors, and a few that its door gives.

No series of a job, a task or a queue is here: those are the exporter's, which no restart of a pod resets.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from prometheus_client.exposition import ThreadingWSGIServer

logger = logging.getLogger(__name__)

#: Name without its prefix -> what it means, and how to read it: quickly, from another thread.
Figures = Mapping[str, tuple[str, Callable[[], float]]]
PREFIX = "windrow_process_"
STOP_SECONDS = 2.0


class ProcessMetrics(Protocol):
    """An address that answers."""

    def stop(self) -> None:
        """Answer no more."""

    def forget(self) -> None:
        """In a forked child: let go of what only its parent answers at."""


def serve(host: str, port: int, figures: Figures) -> ProcessMetrics | None:
    """Answer at `port` from a thread; None when it is 0, or taken: figures are no reason not to work."""
    if not port:
        return None
    # Only who is asked for figures pays for the library.
    from prometheus_client import CollectorRegistry, Gauge, GCCollector, PlatformCollector, ProcessCollector

    from windrow.telemetry.http import bind

    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    for name, (meaning, read) in figures.items():
        Gauge(PREFIX + name, meaning, registry=registry).set_function(read)
    try:
        server = bind(registry, host, port)
    except OSError as exc:
        logger.warning(
            "No figures of this process: WINDROW_METRICS_PORT %d cannot be listened at: %s", port, exc
        )
        return None
    thread = threading.Thread(target=server.serve_forever, args=(0.5,), name="windrow-metrics", daemon=True)
    thread.start()
    logger.info("this process's metrics: http://%s:%d/metrics", host, server.server_port)
    return _Serving(server, thread)


class _Serving:
    """See ProcessMetrics."""

    def __init__(self, server: ThreadingWSGIServer, thread: threading.Thread) -> None:
        self._server = server
        self._thread = thread

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join(STOP_SECONDS)
        self._server.server_close()

    def forget(self) -> None:
        # Else the port would be taken for as long as any child lives.
        self._server.socket.close()
