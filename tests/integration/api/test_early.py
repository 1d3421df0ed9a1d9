"""A job that comes alone is sent before the disk has it; nobody is told that it is kept before."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from tests.integration.api.running import RunningApi
from windrow.api.acceptor import Acceptor
from windrow.api.metrics import Metrics
from windrow.broker.keys import ANSWERS_CHANNEL
from windrow.broker.message import Message
from windrow.broker.publisher import Publisher
from windrow.core.answer import answers, key_in
from windrow.core.ids import new_id
from windrow.core.job import NewJob, Outcome
from windrow.core.states import State
from windrow.store import accept as accepting
from windrow.store import jobs
from windrow.store.async_ledger import AsyncLedger
from windrow.store.claim import claim
from windrow.store.finish import finish
from windrow.store.ledger import Ledger


class Sent:
    """An outbox that only takes notes."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    def takes(self, queue: str, priority: int) -> bool:
        return True

    def send(self, messages: Sequence[Message], signals: Any) -> None:
        self.ids += [message.id for message in messages]


class Steps(AsyncLedger):
    """Notes what was sent before each operation; `forgets` what it has accepted first, as after a crash."""

    def __init__(self, url: str, sent: Sent, forgets: bool = False) -> None:
        super().__init__(url)
        self._sent = sent
        self._forgets = forgets
        self.done: list[tuple[str, int]] = []

    async def run(self, op: Any, *args: Any, **kwargs: Any) -> Any:
        self.done.append((op.__name__, len(self._sent.ids)))
        if self._forgets and op is accepting.accept:
            self._forgets = False
            return [accepting.Accepted(job.id, State.QUEUED, True) for job in args[0]]
        return await super().run(op, *args, **kwargs)


def accepted(url: str, batch: int, forgets: bool = False, **changes: Any) -> tuple[Steps, list[NewJob], Sent]:
    """Accept a batch; returns what was done for it."""
    sent = Sent()
    made = [NewJob(new_id(), "math.any", "default", **changes) for _ in range(batch)]

    async def main() -> Steps:
        ledger = Steps(url, sent, forgets)
        await ledger.open()
        outbox: Any = sent
        catalog: Any = SimpleNamespace(paused=set())
        acceptor = Acceptor(ledger, catalog, outbox, Metrics(), 100, 100)
        outcomes = await acceptor.accept_many(made)
        assert all(isinstance(outcome, accepting.Accepted) for outcome in outcomes), outcomes
        await acceptor.close()
        await ledger.close()
        return ledger

    return asyncio.run(main()), made, sent


def in_ledger(url: str, job_id: str) -> bool:
    ledger = Ledger(url)
    found = ledger.run(jobs.get, job_id)
    ledger.close()
    return found is not None


def test_a_job_alone_is_sent_before_it_is_on_disk_and_answered_after(database_url: str) -> None:
    ledger, [job], sent = accepted(database_url, 1)
    assert ledger.done == [("accept", 0), ("on_disk", 1)]
    assert sent.ids == [job.id]


@pytest.mark.parametrize(("batch", "changes"), [(2, {}), (1, {"delay": 60.0})])
def test_all_others_are_on_disk_before_they_are_sent(
    database_url: str, batch: int, changes: dict[str, Any]
) -> None:
    ledger, _, _ = accepted(database_url, batch, **changes)
    assert ledger.done == [("accept", 0)]


def test_a_job_that_a_crash_took_back_is_kept_after_all(database_url: str) -> None:
    ledger, [job], _ = accepted(database_url, 1, forgets=True)
    assert [name for name, _ in ledger.done] == ["accept", "on_disk", "accept"]
    assert in_ledger(database_url, job.id)


@pytest.mark.parametrize("forged", [False, True])
def test_who_waits_is_answered_by_the_wake_up_if_the_ledgers_key_sealed_it(
    start_api: Any, forged: bool
) -> None:
    # Nobody reads again before a sealed answer has come; the forged one is not waited for.
    api: RunningApi = start_api(api_reread_seconds=0.2 if forged else 30.0, api_wait_seconds=30.0)

    def work() -> None:
        deadline = time.monotonic() + 10
        while not (rows := found()):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        [held] = ledger.run(claim, rows, "w1", 7)
        now = time.monotonic()
        key = "forged" if forged else key_in(held.options)
        outcome = Outcome(
            held.id,
            7,
            State.SUCCEEDED,
            "succeeded",
            started_at=now,
            finished_at=now,
            result="3",
            answer_key=key,
        )
        records = ledger.run(finish, [outcome], "w1").records
        # What only the wake-up says shows where the answer came from.
        told = {job_id: text.replace('"3"', '"4"') for job_id, text in records.items()}
        [answer] = answers([outcome], told)
        publisher.signal(ANSWERS_CHANNEL, answer)

    def found() -> list[str]:
        page = ledger.run(jobs.page, jobs.Filter(states=[State.QUEUED], task="math.any"), 1)
        return [record.id for record in page]

    ledger = Ledger(api.database_url)
    publisher = Publisher(api.settings.redis_url.get_secret_value())
    worker = threading.Thread(target=work)
    worker.start()
    response = api.client.post("/v1/jobs", json={"task": "math.any"}, headers={"Prefer": "wait=20"})
    worker.join()
    ledger.close()
    publisher.close()
    assert response.status_code == 200
    body = response.json()
    # Without an answer it is read, a little later.
    assert body["result"] == (3 if forged else 4)
    read = api.client.get(f"/v1/jobs/{body['id']}").json()
    assert {**body, "result": 3} == {**read, "result": 3}
    assert json.dumps(body).count("answer_key") == 0
