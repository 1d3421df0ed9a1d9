"""`windrow restore --hold`: nothing of a restored ledger starts by itself, and what may run again is named."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import redis

from tests.integration.store.conftest import Book
from tests.support.processes import Doors
from windrow.broker import choice
from windrow.broker.leftovers import sweep
from windrow.broker.message import Message
from windrow.broker.publisher import Publisher
from windrow.cli import restore
from windrow.store.claim import Start, start
from windrow.store.queues import pause
from windrow.store.relay import unsent_queues
from windrow.store.restore import hold


@pytest.fixture
def book(database_url: str) -> Iterator[Book]:
    made = Book(database_url)
    yield made
    made.close()


def test_a_hold_pauses_every_queue_frees_what_was_held_and_names_what_may_have_run(book: Book) -> None:
    waiting, held, begun, done = (book.kept(queue=f"q{n}")[0] for n in range(4))
    (later,) = book.kept(queue="late", delay=60)
    book.ledger.run(pause, "shut")
    book.claimed([held])
    (one,) = book.claimed([begun])
    book.ledger.run(start, [Start(begun, one.token, 0.1)])
    book.sql.execute(
        "UPDATE windrow.jobs SET state = 'succeeded', finished_at = clock_timestamp() WHERE id = %s", [done]
    )
    found = book.ledger.run(hold, ["broker"], 10)
    assert found.paused == ["broker", "late", "q0", "q1", "q2"]
    assert found.already == ["shut"]
    assert found.freed == 2
    assert {(s.id, s.state) for s in found.suspects} == {
        (waiting, "queued"),
        (held, "claimed"),
        (begun, "running"),
    }
    assert found.total == 3
    for job_id in (waiting, held, begun):
        assert book.row(job_id, "state", "worker", "token", "failures", "published_at") == (
            "queued", None, None, 0, None,
        )  # fmt: skip
    assert book.row(later, "state") == ("scheduled",)
    # The relay has nothing to send as long as they are paused.
    assert book.ledger.run(unsent_queues) == []


def test_a_sweep_takes_messages_of_queues_that_the_ledger_does_not_know_and_holds_of_workers_that_are_gone(
    redis_url: str,
) -> None:
    publisher = Publisher(redis_url)
    publisher.publish(
        [Message("a", "t", "known"), Message("b", "t", "future", 9), Message("c", "t", "future")]
    )
    publisher.close()
    with redis.Redis.from_url(redis_url, decode_responses=True) as store:
        store.lpush("foreign", json.dumps({"body": "x", "properties": {}}))
        store.hset("unacked:p", "gone:1", 'known\n{"id":"d","task":"t"}')
        store.zadd("unacked_index:p", {"gone:1": store.time()[0]})
        swept = sweep(redis_url, ["known"])
        assert swept.queues == ["future", "known"]
        assert (swept.messages, swept.holds) == (3, 1)
        assert store.llen("foreign") == 1
        assert not store.exists("known", "future", "future:9", "unacked:p")


def test_the_command_says_what_it_did_and_a_second_time_does_no_harm(
    book: Book, doors: Doors, redis_url: str
) -> None:
    (job,) = book.kept()
    for _ in range(2):
        door = doors.start("restore", "--hold", "-o", "json", ready="")
        assert door.wait(30)
        assert door.returncode == 0, door.log()
        said = json.loads(door.lines[-1])
        assert [suspect["id"] for suspect in said["suspects"]] == [job]
    assert said["already_paused"] == ["q"]
    door = doors.start("restore", ready="")
    assert door.wait(30)
    assert door.returncode == 2


def test_messages_on_rabbitmq_are_withdrawn_too(
    book: Book,
    database_url: str,
    redis_url: str,
    amqp_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (job,) = book.kept(queue="q")
    publisher = choice.publisher(redis_url, amqp_url)
    publisher.publish([Message(job, "t", "q"), Message("of-the-lost-time", "t", "q", 9)])
    publisher.close()
    monkeypatch.setenv("WINDROW_DATABASE_URL", database_url)
    monkeypatch.setenv("WINDROW_REDIS_URL", redis_url)
    monkeypatch.setenv("WINDROW_BROKER_URL", amqp_url)
    assert restore.main(["--hold", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["withdrawn_messages"] == 2
    depth = choice.depth(redis_url, amqp_url)
    assert sum(depth.depths(["q"])["q"].values()) == 0
    depth.close()
