"""The shared health document: which part's absence means what, and that none of them is waited for."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.support.kept_jobs import KeptJobs
from windrow.apps import LedgerUnavailable, WorkerInfo
from windrow_apps.shared.health import Health, health_of

WORKER = WorkerInfo("w1", "main", ("default",), 4, 1, False)


class Workers(KeptJobs):
    """Answers with a list, an error, or never."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self._answer = answer

    async def workers(self) -> list[WorkerInfo]:
        return list(await answer(self._answer))


async def answer(what: Any) -> Any:
    if isinstance(what, Exception):
        raise what
    if what is None:
        # A driver that hears of its cancellation and still waits.
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                await asyncio.sleep(0.01)
                raise
    return what


def look(workers: Any, pong: Any, seconds: float = 5) -> Health:
    return asyncio.run(health_of(Workers(workers), answer(pong), seconds))


@pytest.mark.parametrize(
    ("workers", "pong", "status", "database", "redis"),
    [
        ([WORKER], True, "healthy", "healthy", "healthy"),
        ([], True, "degraded", "healthy", "healthy"),
        ([WORKER], ConnectionError("away"), "degraded", "healthy", "unhealthy"),
        ([WORKER], False, "degraded", "healthy", "unhealthy"),
        (LedgerUnavailable("away"), True, "unhealthy", "unhealthy", "healthy"),
        (LedgerUnavailable("away"), OSError("away"), "unhealthy", "unhealthy", "unhealthy"),
    ],
)
def test_each_parts_absence_has_its_word(
    workers: Any, pong: Any, status: str, database: str, redis: str
) -> None:
    found = look(workers, pong)
    assert (found.status, found.api, found.database, found.redis) == (status, "healthy", database, redis)
    assert found.workers == len(found.worker_details)


def test_what_never_answers_is_away() -> None:
    found = look(None, None, 0.05)
    assert (found.status, found.database, found.redis) == ("unhealthy", "unhealthy", "unhealthy")


def test_a_worker_is_shown_with_what_it_does() -> None:
    assert look([WORKER], True).model_dump()["worker_details"] == [
        {
            "name": "w1",
            "pool": "main",
            "queues": ["default"],
            "concurrency": 4,
            "busy": 1,
            "draining": False,
        }
    ]


def test_a_broker_that_is_away_is_told_although_redis_answers() -> None:
    jobs = Workers([WORKER])
    jobs.answering = False
    found = asyncio.run(health_of(jobs, answer(True), 5))
    assert (found.status, found.redis, found.broker) == ("degraded", "healthy", "unhealthy")
