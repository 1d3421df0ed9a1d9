"""What only the database refuses costs its own job, and nobody of its batch."""

from __future__ import annotations

import json
import threading

import httpx
import pytest

from tests.promises.ways import BOTH_WAYS
from tests.promises.world import World

pytestmark = pytest.mark.timeout(120)
#: Nobody is taken for dead here: a busy machine may hold a worker up for a second.
TIMES = {"WINDROW_LEASE_SECONDS": "15"}


@BOTH_WAYS
def test_of_32_submits_at_once_the_one_that_postgres_refuses_is_told_and_31_are_accepted(
    world: World,
) -> None:
    world.beat()
    world.worker()
    world.api()
    # It passes every check before the INSERT: only the ledger knows of it.
    world.execute("ALTER TABLE windrow.payloads ADD CONSTRAINT no_poison CHECK (input NOT LIKE '%poison%')")
    world.until_known("echo")
    together = threading.Barrier(32)
    answers: dict[int, httpx.Response] = {}

    def submit(number: int) -> None:
        value = "poison" if number == 17 else number
        with world.client() as client:
            client.get("/livez")
            together.wait()
            answers[number] = client.post("/v1/jobs", json={"task": "echo", "input": [value]})

    callers = [threading.Thread(target=submit, args=(number,)) for number in range(32)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(60)
    refused = answers.pop(17)
    assert {answer.status_code for answer in answers.values()} == {202}
    assert len(answers) == 31
    assert refused.status_code == 422
    assert refused.headers["content-type"] == "application/problem+json"
    assert 'violates check constraint "no_poison"' in refused.json()["detail"]
    ids = [answer.json()["id"] for answer in answers.values()]
    world.wait_final(ids)
    assert sorted(json.loads(row["result"]) for row in world.jobs(ids)) == sorted(answers)


def test_of_a_batch_the_item_that_postgres_refuses_is_told_and_the_others_are_accepted(world: World) -> None:
    world.worker()
    world.api()
    world.execute("ALTER TABLE windrow.payloads ADD CONSTRAINT no_poison CHECK (input NOT LIKE '%poison%')")
    jobs = [{"task": "echo", "input": ["poison" if n in (0, 500) else n]} for n in range(1000)]
    with world.client() as client:
        world.until_known("echo")
        answer = client.post("/v1/jobs:batchCreate", json={"jobs": jobs})
    assert answer.status_code == 202
    outcomes = answer.json()["outcomes"]
    assert [o["index"] for o in outcomes if o["status"] != 202] == [0, 500]
    assert {o["status"] for o in outcomes} == {202, 422}
    assert world.rows("SELECT count(*) AS n FROM windrow.jobs")[0]["n"] == 998


def test_of_many_finishes_the_one_that_postgres_refuses_fails_with_the_reason_and_the_others_are_saved(
    world: World,
) -> None:
    world.beat()
    worker = world.worker(pool="threads", concurrency=20)
    world.execute(
        "ALTER TABLE windrow.attempts ADD CONSTRAINT no_poison CHECK (result IS NULL OR result <> '\"poison\"')"
    )
    ids = world.submit("nap", 1.0, "fine", count=19)
    (bad,) = world.submit("nap", 1.0, "poison")
    world.wait_final([*ids, bad])
    assert {(row["state"], row["result"]) for row in world.jobs(ids)} == {("succeeded", '"fine"')}
    assert world.job(bad)["state"] == "failed"
    assert "The outcome cannot be stored" in world.error(bad)
    assert 'violates check constraint "no_poison"' in world.error(bad)
    after = world.submit("echo", "alive")
    world.wait_state(after, "succeeded")
    assert worker.returncode is None
    assert world.lost() == (0, 0)


def test_a_job_whose_row_cannot_be_written_at_all_stops_nobody_and_ends_once_it_can(world: World) -> None:
    worker = world.worker(concurrency=2)
    (bad,) = world.submit("nap", 1.0, "fine")
    world.wait_state([bad], "running")
    # As a broken index or a wrong trigger would; both its outcome and the refusal of it fail.
    world.execute(f"ALTER TABLE windrow.attempts ADD CONSTRAINT broken CHECK (job_id <> '{bad}')")
    others = world.submit("nap", 0.1, "fine", count=20)
    world.wait_state(others, "succeeded")
    world.until(lambda: sum("refuses the outcome" in line for line in worker.lines) >= 2)
    refusals = sum("refuses the outcome" in line for line in worker.lines)
    world.execute("ALTER TABLE windrow.attempts DROP CONSTRAINT broken")
    world.wait_state([bad], "failed")
    assert refusals < 5
    assert "The outcome cannot be stored" in world.error(bad)
    assert worker.returncode is None
