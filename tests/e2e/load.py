"""A small steady load that counts every submit that was not accepted."""

from __future__ import annotations

import itertools
import threading
from uuid import uuid4

import httpx

from tests.e2e.platform import ACCEPTED, Platform
from tests.e2e.waiting import eventually


class Load(threading.Thread):
    """A context manager: a few jobs a second on one queue until it is left."""

    def __init__(
        self, platform: Platform, *, queue: str, per_second: float = 3.0, patient: bool = False
    ) -> None:
        super().__init__(name="load", daemon=True)
        self.tag = f"load-{uuid4().hex[:8]}"
        self._platform = platform
        self._queue = queue
        self._pause = 1 / per_second
        #: Say each refused request again, with its key, as a caller would that must not lose it.
        self._patient = patient
        self._stopping = threading.Event()
        self.accepted: list[str] = []
        #: What was said instead of 202, or why nothing was: a line each.
        self.refused: list[str] = []

    def __enter__(self) -> Load:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End after the request under way."""
        self._stopping.set()
        self.join(60)

    def goes_on(self, count: int = 10, seconds: float = 90) -> None:
        """Wait until so many more were accepted."""
        before = len(self.accepted)
        eventually(f"{count} more jobs are accepted", seconds, lambda: len(self.accepted) >= before + count)

    def run(self) -> None:
        for number in itertools.count():
            if self._stopping.wait(self._pause):
                return
            self._request(number)

    def _request(self, number: int) -> None:
        task, given = (
            ("project.sleep", {"seconds": 2}) if number % 3 == 0 else ("project.add", {"x": number, "y": 1})
        )
        body: dict[str, object] = {"task": task, "input": given, "queue": self._queue, "tags": [self.tag]}
        headers = {"Idempotency-Key": uuid4().hex}
        while not self._say(body, headers) and self._patient:
            if self._stopping.wait(0.5):
                return

    def _say(self, body: dict[str, object], headers: dict[str, str]) -> bool:
        try:
            answer = self._platform.client.post("/v1/jobs", json=body, headers=headers)
        except httpx.TransportError as exc:
            self.refused.append(type(exc).__name__)
            return False
        if answer.status_code != ACCEPTED:
            self.refused.append(str(answer.status_code))
            return False
        self.accepted.append(answer.json()["id"])
        return True
