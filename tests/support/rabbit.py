"""RabbitMQ in tests: what its management pages say, and a consumer without Celery."""

from __future__ import annotations

import queue
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import httpx

from windrow.broker.intake import Budget
from windrow.broker.rabbit.intake import RabbitIntake
from windrow.dev.rabbit_server import USER, RabbitServer


class Management:
    """The server's HTTP API."""

    def __init__(self, server: RabbitServer, vhost: str = "/") -> None:
        self._vhost = quote(vhost, safe="")
        self._base = f"{server.web_url}/api"
        self._auth = (USER, server.password)
        #: For AMQP.
        self.url = server.url.replace("%2F", self._vhost)

    def _ask(self, method: str, path: str, body: Any = None) -> httpx.Response:
        url = f"{self._base}{path}"
        return httpx.request(
            method, url, auth=self._auth, timeout=20, json=body, trust_env=False
        ).raise_for_status()

    def queues(self) -> dict[str, dict[str, Any]]:
        """Every queue by name."""
        answer = self._ask("GET", f"/queues/{self._vhost}").json()
        return {one["name"]: one for one in answer}

    def queue(self, name: str) -> dict[str, Any]:
        """One, as KEDA asks for it."""
        found: dict[str, Any] = self._ask("GET", f"/queues/{self._vhost}/{quote(name, safe='')}").json()
        return found

    def purge(self) -> None:
        """Lose every message that waits in any queue."""
        for name in self.queues():
            self._ask("DELETE", f"/queues/{self._vhost}/{quote(name, safe='')}/contents")

    def make(self) -> None:
        """The virtual host, for the server's own user."""
        self._ask("PUT", f"/vhosts/{self._vhost}")
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        self._ask("PUT", f"/permissions/{self._vhost}/{USER}", everything)

    def drop(self) -> None:
        """The virtual host, with all that is in it."""
        self._ask("DELETE", f"/vhosts/{self._vhost}")


class RabbitConsumer:
    """Takes what `budget` allows, as `BrokerConsumer` does from Redis; `got` holds the messages."""

    def __init__(
        self, url: str, queues: Sequence[str] = ("q",), budget: Budget | None = None, worker: str = "w1"
    ) -> None:
        #: Room for everything that a test publishes, unless told.
        self.budget = budget or Budget(100)
        self.got: list[Any] = []
        self.low_waters = 0
        self._calls: queue.Queue[tuple[Any, tuple[Any, ...]]] = queue.Queue()
        self.intake = RabbitIntake(worker, "pool", queues, self._room, url)
        self.intake.attach(lambda call, *args: self._calls.put((call, args)), self.got.append, self._low, 100)
        self.intake.rearm()

    def _room(self) -> Budget:
        # What was taken and not ended takes room, as in a worker.
        held = len(self.intake._held)
        used = min(held, self.budget.free)
        return self.budget._replace(
            free=self.budget.free - used, ahead=max(self.budget.ahead - (held - used), 0)
        )

    def _low(self) -> None:
        self.low_waters += 1

    def drain(self, seconds: float = 1.0) -> list[Any]:
        """What arrives until nothing came for `seconds`."""
        before = len(self.got)
        self.intake.look()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            try:
                call, args = self._calls.get(timeout=max(until - time.monotonic(), 0.001))
            except queue.Empty:
                break
            known = len(self.got)
            call(*args)
            if len(self.got) > known:
                until = time.monotonic() + seconds
        return self.got[before:]

    def close(self) -> None:
        """As a worker that ends."""
        self.intake.leave("")
