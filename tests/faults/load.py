"""The load: a caller that repeats a request until it is answered, and a team's code that calls its own tasks."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple
from uuid import uuid4

import httpx
from celery import chain, chord

from tests.faults.app import add, app, flaky, total
from tests.faults.history import Promise
from tests.faults.sizes import FULL
from windrow.core.errors import LedgerUnavailable

#: Seconds that a caller goes on trying.
PATIENCE = 300.0 if FULL else 120.0
#: The API's own limits, one after the other: a connection and a statement for its caller's key, the same for the job.
ANSWER_SECONDS = 40.0 if FULL else 12.0
#: What is submitted over HTTP in one round, by kind.
ROUND = {"add": 26, "slow": 8, "flaky": 6, "delayed": 6, "flow": 4, "parent": 4, "broken": 3}
_RETRY = {"max_attempts": 10, "base": 0.05, "cap": 0.2}


class Answer(NamedTuple):
    """What a caller saw of one request."""

    #: By time.time(), when it was sent.
    at: float
    #: 0: the connection broke or the time was over.
    status: int
    seconds: float
    retry_after: str | None = None


class Load:
    """Submits in the background; `promises` are those that were answered."""

    def __init__(self, api_url: str, key: str) -> None:
        self.promises: list[Promise] = []
        #: Every answer since `take`.
        self.answers: list[Answer] = []
        self._client = httpx.Client(
            base_url=api_url,
            headers={"Authorization": f"Bearer {key}"},
            timeout=ANSWER_SECONDS,
            trust_env=False,
        )
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._callers = ThreadPoolExecutor(6, "caller")
        self._team = ThreadPoolExecutor(1, "team")
        self._under_way: list[Future[None]] = []

    def round(self, share: float = 1.0, canvases: bool = True) -> None:
        """One of everything, or that share of it; returns at once."""
        for kind, count in ROUND.items():
            for _ in range(max(1, round(count * share))):
                self.submit(kind)
        for make in CANVASES if canvases else (_late,):
            self._under_way.append(self._team.submit(self._team_call, make))

    def submit(self, kind: str) -> None:
        """One request over HTTP."""
        self._under_way.append(self._callers.submit(self._request, *_wish(kind, next(self._numbers))))

    def poison(self, seconds: float) -> None:
        """A job that kills its worker each time, so many seconds after its start."""
        body = {"task": "faults.poison", "input": {"seconds": seconds}}
        self._under_way.append(self._callers.submit(self._request, body, "failed", None, 1))

    def wish(
        self, body: dict[str, Any], state: str, result: str | None = None, family: int | None = 1
    ) -> None:
        """One request over HTTP for any job, and what is to become of it."""
        self._under_way.append(self._callers.submit(self._request, body, state, result, family))

    def canvas(self, number: int) -> None:
        """One of the team's canvases, in turn."""
        self._under_way.append(self._team.submit(self._team_call, CANVASES[number % len(CANVASES)]))

    def waiting(self) -> int:
        """Requests that were not answered yet."""
        return sum(not future.done() for future in self._under_way)

    def settle(self) -> None:
        """Wait until every request was answered; raises what a caller met."""
        under_way, self._under_way = self._under_way, []
        for future in under_way:
            future.result(PATIENCE + 30)

    def take(self) -> list[Promise]:
        """The promises since the last call."""
        with self._lock:
            promises, self.promises = self.promises, []
            self.answers = []
        return promises

    def close(self) -> None:
        """End the callers."""
        self._callers.shutdown(cancel_futures=True)
        self._team.shutdown(cancel_futures=True)
        self._client.close()

    def _request(self, body: dict[str, Any], state: str, result: str | None, family: int | None) -> None:
        key = uuid4().hex
        body["tags"] = [key]
        deadline = time.monotonic() + PATIENCE
        while True:
            at, began = time.time(), time.monotonic()
            try:
                answer = self._client.post("/v1/jobs", json=body, headers={"Idempotency-Key": key})
            except httpx.TransportError:
                answer = None
            status = 0 if answer is None else answer.status_code
            again = None if answer is None else answer.headers.get("retry-after")
            self.answers.append(Answer(at, status, time.monotonic() - began, again))
            if answer is not None and answer.status_code == 202:
                with self._lock:
                    self.promises.append(Promise(answer.json()["id"], state, result, family, key))
                return
            if answer is not None and answer.status_code != 503:
                raise AssertionError(f"{body}: {answer.status_code} {answer.text}")
            if time.monotonic() > deadline:
                raise AssertionError(f"{body}: no answer for {PATIENCE:g} s; last {answer!r}")
            time.sleep(0.1)

    def _team_call(self, make: Callable[[], list[Promise]]) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                promises = make()
            except LedgerUnavailable:
                # Perhaps it was kept, perhaps not: nobody was told.
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
            else:
                with self._lock:
                    self.promises += promises
                return


def adopt_here(database_url: str, redis_url: str) -> None:
    """Let this process call the app's tasks, as a team's web server would. Once a process."""
    import windrow

    windrow.adopt(app, database_url=database_url, redis_url=redis_url)
    app.finalize()


def _wish(kind: str, x: int) -> tuple[dict[str, Any], str, str | None, int | None]:
    """Body, final state, result's JSON text, family."""
    if kind in ("add", "slow", "long"):
        seconds = {"add": x % 4 / 50, "slow": 0.2, "long": 1.0}[kind]
        wish = {"task": "faults.add", "input": {"x": x, "y": 1, "seconds": seconds}}
        return {**wish, "retry": _RETRY}, "succeeded", json.dumps(x + 1), 1
    if kind == "delayed":
        return (
            {"task": "faults.add", "input": {"x": x}, "delay": 0.3 + x % 3 / 10},
            "succeeded",
            json.dumps(x),
            1,
        )
    if kind == "flaky":
        return {"task": "faults.flaky", "input": {"x": x}}, "succeeded", json.dumps(x), 1
    if kind == "flow":
        return {"task": "faults.flow", "input": {"x": x}}, "succeeded", json.dumps(x + 2), 2
    if kind == "parent":
        return {"task": "faults.parent", "input": {"x": x}}, "succeeded", json.dumps(x), None
    return {"task": "faults.broken"}, "failed", None, 1


def _chain() -> list[Promise]:
    result = chain(add.s(1, 1), flaky.s(), add.s(2)).apply_async()
    steps = [Promise(result.id, "succeeded", "4")]
    while result.parent is not None:
        result = result.parent
        steps.append(Promise(result.id, "succeeded", "2"))
    # The first step's family is the whole chain, each step once.
    return [*steps[:-1], steps[-1]._replace(family=3)]


def _chord() -> list[Promise]:
    result = chord([add.s(n, 1) for n in range(6)], total.s()).apply_async()
    parts = [Promise(part.id, "succeeded", json.dumps(n + 1)) for n, part in enumerate(result.parent)]
    return [*parts, Promise(result.id, "succeeded", "21")]


def _nested() -> list[Promise]:
    inner = chord([add.s(n, 0) for n in range(3)], total.s())
    result = chord([inner, add.s(10, 0)], total.s()).apply_async()
    return [Promise(result.id, "succeeded", "13")]


def _late() -> list[Promise]:
    # No worker serves that queue.
    results = [add.apply_async((n,), queue="nobody", expires=0.7) for n in range(3)]
    return [Promise(result.id, "expired", family=1) for result in results]


CANVASES = (_chain, _chain, _chord, _chord, _nested, _late)
