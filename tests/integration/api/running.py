"""Run the API in a thread of the test's process, with a client that has an admin key."""

from __future__ import annotations

import json
import signal
import threading
import time
from typing import Any, Self

import httpx

from windrow.api.app import create_app
from windrow.api.auth import new_key
from windrow.api.server import make_server
from windrow.api.settings import ApiSettings
from windrow.core.task import Task
from windrow.store import catalog, keys
from windrow.store.ledger import Ledger

ADD_SCHEMA = {
    "type": "object",
    "properties": {"x": {"type": "integer"}, "y": {"type": "integer"}},
    "required": ["x", "y"],
    "additionalProperties": False,
}
TASKS = [
    Task("math.add", "default", json.dumps(ADD_SCHEMA), "Add two numbers."),
    Task("math.any", "default"),
    Task(
        "reports.render",
        "reports",
        None,
        priority=5,
        max_attempts=7,
        retry='{"base": 2, "factor": 2, "cap": 60}',
    ),
]
#: Waits of a test are a twentieth of those in production.
QUICK = {"api_wait_seconds": 5.0, "api_reread_seconds": 0.1, "api_heartbeat_seconds": 0.2}


def declare_tasks(database_url: str) -> None:
    """Declare TASKS and a retired one."""
    ledger = Ledger(database_url)
    ledger.run(catalog.declare, [Task("old.report", "default"), *TASKS], "main", "1", True)
    ledger.run(catalog.declare, TASKS, "main", "2", True)
    ledger.close()


def make_key(database_url: str, *scopes: str, expires_in: float | None = None) -> str:
    """A fresh key with these scopes."""
    ledger = Ledger(database_url)
    key_id, key, digest = new_key()
    ledger.run(keys.create, key_id, "test", digest, list(scopes), expires_in)
    ledger.close()
    return key


class RunningApi:
    """A served API; `client` has an admin key."""

    def __init__(self, database_url: str, redis_url: str, **settings: Any) -> None:
        values = {"apps": (), **QUICK, **settings}
        self.settings = ApiSettings(database_url=database_url, redis_url=redis_url, api_port=0, **values)
        self.database_url = database_url
        self.ledger = Ledger(database_url)
        self.app = create_app(self.settings)
        self._server = make_server(self.app, self.settings)
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        deadline = time.monotonic() + 20
        while not self._server.started and time.monotonic() < deadline:
            time.sleep(0.01)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.key = make_key(self.database_url, "admin") if self.settings.api_auth else ""
        self.client = self.client_with(self.key)
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.ledger.close()
        self.stop()
        self._thread.join(10)

    def stop(self) -> None:
        """What SIGTERM does."""
        if self._thread.is_alive():
            self._server.handle_exit(signal.SIGTERM, None)

    def client_with(self, key: str | None) -> httpx.Client:
        """A client with that key, or none."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=30, trust_env=False)

    def submit(self, task: str = "math.any", **body: Any) -> str:
        """Submit a job that must be accepted; returns its id."""
        response = self.client.post("/v1/jobs", json={"task": task, **body})
        assert response.status_code == 202, response.text
        return str(response.json()["id"])
