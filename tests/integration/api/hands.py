"""The hands of a worker, without its process: claim a job, report progress, end it, and tell the broker."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

from tests.integration.api.running import RunningApi
from windrow.broker.publisher import Publisher
from windrow.core.job import Failure, Outcome
from windrow.core.states import State
from windrow.store.claim import Start, claim, start
from windrow.store.finish import finish
from windrow.store.progress import Report, save_progress

WORKER = "w1"
TOKEN = 7


class Hands:
    """Does to jobs what a worker would."""

    def __init__(self, api: RunningApi) -> None:
        self._api = api
        self._publisher = Publisher(api.settings.redis_url.get_secret_value())

    def run(self, job_id: str) -> None:
        """Claim and start it."""
        assert [held.id for held in self._api.ledger.run(claim, [job_id], WORKER, TOKEN)] == [job_id]
        self._api.ledger.run(start, [Start(job_id, TOKEN, 0.0)])
        self._publisher.publish(events=[{"id": job_id, "state": "running"}])

    def report(self, job_id: str, meta: str, saved: bool = True) -> None:
        """Report progress, JSON text."""
        if saved:
            self._api.ledger.run(save_progress, [Report(job_id, "PROGRESS", meta)])
        self._publisher.publish(events=[{"id": job_id, "state": "PROGRESS", "progress": json.loads(meta)}])

    def succeed(self, job_id: str, result: str = "3", told: bool = True) -> None:
        """End it with a result, JSON text."""
        self._end(job_id, State.SUCCEEDED, "succeeded", result=result)
        if told:
            self._publisher.publish(finished=[job_id])

    def finish_later(self, job_id: str, seconds: float, told: bool = True) -> None:
        """Run it and end it well, from a thread, in a while."""

        def work() -> None:
            self.run(job_id)
            self.succeed(job_id, told=told)

        threading.Timer(seconds, work).start()

    def fail(self, job_id: str, message: str = "no") -> None:
        """End it with a ValueError."""
        failure = Failure("ValueError", message, traceback="Traceback …")
        self._end(job_id, State.FAILED, "failed", failure=failure, counts=True)
        self._publisher.publish(finished=[job_id])

    def _end(self, job_id: str, state: State, outcome: str, **fields: Any) -> None:
        now = time.monotonic()
        ended = Outcome(job_id, TOKEN, state, outcome, started_at=now, finished_at=now, **fields)
        assert self._api.ledger.run(finish, [ended], WORKER).ids == {job_id}
