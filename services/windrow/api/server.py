"""uvicorn, told what this API needs."""

from __future__ import annotations

import asyncio
import signal
import socket
from types import FrameType

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from windrow.api.cors import with_cors
from windrow.api.settings import ApiSettings


class Server(uvicorn.Server):
    """Answers whoever waits when it is asked to stop; else the longest wait would be its drain."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self._app = app
        self._loop: asyncio.AbstractEventLoop | None = None

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().serve(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._app.state.services.waiting.stop)


def make_server(app: FastAPI, settings: ApiSettings, outside: ASGIApp | None = None) -> Server:
    """A server for `app`, not yet running; `outside` is what stands around it and is asked instead."""
    config = uvicorn.Config(
        with_cors(outside or app, settings.api_cors_origins),
        host=settings.api_host,
        port=settings.api_port,
        uds=str(settings.api_socket) if settings.api_socket else None,
        ssl_certfile=settings.api_tls_certificate,
        ssl_keyfile=settings.api_tls_key,
        loop="uvloop",
        http="httptools",
        ws="none",
        # Requests are counted in /metrics; a line for each would cost more than the request.
        access_log=False,
        # Its lines go where all others go.
        log_config=None,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=round(settings.api_drain_seconds),
    )
    return Server(config, app)


def serve(app: FastAPI, settings: ApiSettings, outside: ASGIApp | None = None) -> int:
    """Serve `app` until SIGTERM or SIGINT; returns the exit status."""
    server = make_server(app, settings, outside)

    def stop(signum: int, frame: FrameType | None) -> None:
        # uvicorn, done with its own work, raises the signal again: a clean end is no death by a signal.
        if not server.started:
            raise SystemExit(0)

    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, stop)
    server.run()
    return 0 if server.started else 1
