"""The delays route: what it answers for each end of its job, and what it refuses."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from tests.support.kept_jobs import KeptJobs
from windrow.apps import Cancelled, Job, LedgerUnavailable, State
from windrow_apps.delays import answering
from windrow_apps.delays.models import MAX_DELAY_SECONDS
from windrow_apps.delays.routes import router
from windrow_apps.delays.settings import DelaysSettings

RESULT = {
    "delay": 2.0,
    "waited": 2.0004,
    "started_at": "2026-01-01T00:00:00+00:00",
    "finished_at": "2026-01-01T00:00:02+00:00",
}
ERROR = json.dumps({"cls": "ValueError", "message": "no", "module": "builtins"})


@dataclass
class EndingJobs(KeptJobs):
    """A wait changes the job as a worker would meanwhile; a cancel may come after the end."""

    def __init__(self, state: State, *, late: bool = False, **changes: Any) -> None:
        super().__init__()
        self._end = {"state": state, **changes}
        self._late = late
        self.waited: list[float] = []
        self.cancelled: list[str] = []

    async def wait(self, job_id: str, seconds: float) -> Job | None:
        self.waited.append(seconds)
        return self.kept[job_id] if self._late else self.put(job_id, **self._end)

    async def cancel(self, job_id: str, *, running: bool = True) -> Cancelled | None:
        self.cancelled.append(job_id)
        if self._late:
            self.put(job_id, **self._end)
        return await super().cancel(job_id)


class NoMoreJobs(KeptJobs):
    """Forgets."""

    async def wait(self, job_id: str, seconds: float) -> Job | None:
        return None


class TroubledJobs(EndingJobs):
    """Its first waits raise."""

    def __init__(self, *errors: Exception) -> None:
        super().__init__(State.SUCCEEDED, result=RESULT)
        self._errors = list(errors)

    async def wait(self, job_id: str, seconds: float) -> Job | None:
        found = await super().wait(job_id, seconds)
        if self._errors:
            raise self._errors.pop(0)
        return found


class EndlessJobs(EndingJobs):
    """Its waits do not end."""

    def __init__(self, state: State) -> None:
        super().__init__(state)
        self.asked = asyncio.Event()

    async def wait(self, job_id: str, seconds: float) -> Job | None:
        self.asked.set()
        await asyncio.Event().wait()
        return None


def application(jobs: KeptJobs) -> FastAPI:
    app = FastAPI()
    app.include_router(router(jobs))
    return app


def post(jobs: KeptJobs, **request: Any) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(application(jobs))
        async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as client:
            return await client.post("/process", **request)

    return asyncio.run(ask())


def test_a_job_that_ends_in_time_is_the_answer() -> None:
    jobs = EndingJobs(State.SUCCEEDED, result=RESULT)
    answer = post(jobs, json={"delay": 2})
    assert answer.status_code == 200
    body = answer.json()
    assert body.pop("time") >= 0
    assert body == {"status": "completed", "result": RESULT}
    (job,) = jobs.submitted
    assert (job.task, job.kwargs) == ("delays.process", {"delay": 2})
    assert job.options["time_limit"] == 35
    assert job.options["max_attempts"] == 1
    assert jobs.waited == [30]
    assert jobs.cancelled == []


@pytest.mark.parametrize("state", [State.QUEUED, State.RUNNING])
def test_a_job_that_does_not_end_in_time_is_stopped(state: State) -> None:
    jobs = EndingJobs(state)
    answer = post(jobs, json={"delay": 40})
    assert answer.status_code == 202
    body = answer.json()
    assert set(body) == {"status", "message", "time"}
    assert body["status"] == "pending"
    assert jobs.cancelled == [jobs.submitted[0].id]
    assert answer.headers["Location"] == f"/v1/jobs/{jobs.submitted[0].id}"


def test_a_job_that_ends_while_it_is_stopped_is_still_the_answer() -> None:
    answer = post(EndingJobs(State.SUCCEEDED, late=True, result=RESULT), json={"delay": 2})
    assert answer.status_code == 200
    assert answer.json()["result"] == RESULT


def test_a_ledger_that_is_away_for_a_moment_costs_nobody_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "PAUSE_SECONDS", 0.01)
    jobs = TroubledJobs(LedgerUnavailable("failover"), LedgerUnavailable("failover"))
    assert post(jobs, json={"delay": 2}).json()["result"] == RESULT
    assert len(jobs.waited) == 3
    assert jobs.waited[0] > jobs.waited[1] > jobs.waited[2]
    assert jobs.cancelled == []


def test_a_job_is_stopped_when_its_request_ends_with_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    # No time is left to ask again.
    monkeypatch.setattr(answering, "PAUSE_SECONDS", 1000)
    jobs = TroubledJobs(LedgerUnavailable("away"))
    with pytest.raises(LedgerUnavailable):
        post(jobs, json={"delay": 2})
    assert jobs.cancelled == [jobs.submitted[0].id]


@pytest.mark.parametrize(
    ("jobs", "error"),
    [
        (EndingJobs(State.FAILED, error_text=ERROR), "ValueError: no"),
        (EndingJobs(State.CANCELLED), "it was cancelled"),
        (NoMoreJobs(), "the ledger does not know the job any more"),
    ],
    ids=["failed", "cancelled", "forgotten"],
)
def test_a_job_that_fails_is_500_with_its_error_and_id(jobs: KeptJobs, error: str) -> None:
    answer = post(jobs, json={"delay": 2})
    assert answer.status_code == 500
    assert answer.json() == {"status": "failed", "error": error, "task_id": jobs.submitted[0].id}


@pytest.mark.parametrize(
    "body",
    [
        b'{"delay": -1}',
        b'{"delay": 3600.5}',
        b'{"delay": "2"}',
        b'{"delay": true}',
        b'{"delay": null}',
        b'{"delay": [2]}',
        b'{"delay": 2, "more": 1}',
        b"{}",
        b"[]",
        b"2",
        b"",
        b"delay=2",
    ],
)
def test_a_delay_that_cannot_be_is_refused_and_no_job_kept(body: bytes) -> None:
    jobs = EndingJobs(State.SUCCEEDED, result=RESULT)
    answer = post(jobs, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert jobs.submitted == []


@pytest.mark.parametrize("delay", [0, MAX_DELAY_SECONDS])
def test_the_shortest_and_the_longest_delay_are_taken(delay: int) -> None:
    assert post(EndingJobs(State.SUCCEEDED, result=RESULT), json={"delay": delay}).status_code == 200


def test_the_job_of_a_client_that_hangs_up_is_stopped() -> None:
    jobs = EndlessJobs(State.RUNNING)
    body = json.dumps({"delay": 40}).encode()
    messages = [{"type": "http.request", "body": body, "more_body": False}, {"type": "http.disconnect"}]
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/process",
        "raw_path": b"/process",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
        "http_version": "1.1",
        "root_path": "",
    }

    async def receive() -> Any:
        return messages.pop(0) if messages else await asyncio.Event().wait()

    async def send(_: Any) -> None:
        pass

    asyncio.run(asyncio.wait_for(application(jobs)(scope, receive, send), 20))
    assert jobs.cancelled == [jobs.submitted[0].id]


def test_one_request_too_many_is_told_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINDROW_DELAYS_MAX_WAITING", "1")
    app = application(jobs := EndlessJobs(State.RUNNING))

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://api.test"
        ) as client:
            first = asyncio.create_task(client.post("/process", json={"delay": 2}))
            await asyncio.wait_for(jobs.asked.wait(), 20)
            answer = await client.post("/process", json={"delay": 2})
            first.cancel()
            return answer

    answer = asyncio.run(asyncio.wait_for(ask(), 20))
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    assert len(jobs.submitted) == 1


def test_the_plain_name_of_the_time_out_is_read_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TASK_TIMEOUT", "7")
    assert DelaysSettings().task_timeout == 7
    monkeypatch.setenv("WINDROW_DELAYS_TASK_TIMEOUT", "8")
    assert DelaysSettings().task_timeout == 8
