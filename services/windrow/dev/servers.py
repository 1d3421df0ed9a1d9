"""The embedded servers of one `windrow up`: started together, started again when they die, stopped last."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from windrow.dev.backoff import Backoff
from windrow.dev.errors import DevError
from windrow.dev.server import Server


class Servers:
    """Keeps `servers` running on the ports of their first start."""

    def __init__(self, servers: Sequence[Server], say: Callable[[str], None]) -> None:
        self._servers = list(servers)
        self._say = say
        self._backoff = {server.name: Backoff() for server in servers}
        self._started_at: dict[str, float] = {}
        self._start_at: dict[str, float] = {}

    @property
    def pids(self) -> dict[str, int]:
        """Process id by server."""
        return {server.name: server.pid for server in self._servers}

    def start(self) -> None:
        """Start all at once. Raises ServerFailed, NotInstalled."""
        with ThreadPoolExecutor(max_workers=max(1, len(self._servers))) as threads:
            for _ in threads.map(self._start, self._servers):
                pass

    def tick(self) -> None:
        """Look at each once and start again what died, with the address it had."""
        for server in self._servers:
            if server.alive():
                continue
            if server.name not in self._start_at:
                lived = time.monotonic() - self._started_at.get(server.name, 0.0)
                delay = self._backoff[server.name].after(lived)
                self._start_at[server.name] = time.monotonic() + delay
                self._say(
                    f"{server.name} died and starts again in {delay:.1f} s; its last lines:\n{server.tail()}"
                )
            elif time.monotonic() >= self._start_at[server.name]:
                del self._start_at[server.name]
                try:
                    self._start(server)
                except DevError as error:
                    self._say(str(error))

    def stop(self) -> None:
        """Stop each, the first one last."""
        for server in reversed(self._servers):
            server.stop()

    def _start(self, server: Server) -> None:
        began = self._started_at[server.name] = time.monotonic()
        server.start()
        self._say(f"{server.name} is ready on port {server.port} after {time.monotonic() - began:.1f} s")
