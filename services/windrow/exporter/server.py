"""Serves the exporter until it is told to stop."""

from __future__ import annotations

import logging
import signal
import threading
from types import FrameType

from prometheus_client import CollectorRegistry

from windrow.telemetry.http import bind

logger = logging.getLogger(__name__)


def serve(registry: CollectorRegistry, host: str, port: int) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit status."""
    server = bind(registry, host, port)

    def stop(signum: int, frame: FrameType | None) -> None:
        # `shutdown` waits for the loop that this very thread runs.
        threading.Thread(target=server.shutdown, daemon=True).start()

    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, stop)
    logger.info("exporter is ready: http://%s:%d/metrics", host, server.server_port)
    with server:
        server.serve_forever(poll_interval=0.2)
    return 0
