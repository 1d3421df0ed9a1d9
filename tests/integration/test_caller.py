"""delay, apply_async and canvases of an adopted app in a caller's process, on a real ledger and a real Redis."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
import redis
from celery import Celery, _state, chain, chord, group
from kombu.exceptions import OperationalError

from windrow.core.errors import LedgerUnavailable
from windrow.worker.adopt import adopt

NOWHERE = "redis://127.0.0.1:1/0"


def make_app(database_url: str, redis_url: str) -> Celery:
    app = Celery("calls", broker=redis_url, set_as_current=False)
    app.conf.task_default_queue = "calls"

    @app.task(name="calls.add", shared=False)
    def add(x: int, y: int = 0) -> int:
        return x + y

    return adopt(app, database_url=database_url, redis_url=redis_url)


@pytest.fixture
def app(database_url: str, redis_url: str) -> Iterator[Celery]:
    app = make_app(database_url, redis_url)
    before = _state._tls.current_app
    app.set_current()
    yield app
    app.windrow.caller.close()
    _state._set_current_app(before)


@pytest.fixture
def ask(database_url: str) -> Any:
    def ask(sql: str) -> list[Any]:
        with psycopg.connect(database_url) as connection:
            return connection.execute(sql).fetchall()

    return ask


def test_a_call_is_saved_and_its_message_sent(app: Celery, ask: Any, redis_url: str) -> None:
    result = app.tasks["calls.add"].delay(1, 2)
    assert ask("SELECT id, task, queue, state::text, priority FROM windrow.jobs") == [
        (result.id, "calls.add", "calls", "queued", 9)
    ]
    with redis.Redis.from_url(redis_url) as client:
        assert client.llen("calls:9") == 1
    assert result.state == "PENDING"


def test_a_lost_redis_loses_nothing(database_url: str, ask: Any) -> None:
    app = make_app(database_url, NOWHERE)
    app.tasks["calls.add"].delay(1, 2)
    app.windrow.caller.close()
    assert ask("SELECT state::text FROM windrow.jobs") == [("queued",)]


def test_a_lost_ledger_is_an_error_that_callers_know(redis_url: str) -> None:
    app = make_app("postgresql://nobody@127.0.0.1:1/nothing", redis_url)
    with pytest.raises(OperationalError) as refused:
        app.tasks["calls.add"].delay(1, 2)
    assert isinstance(refused.value, LedgerUnavailable)
    with redis.Redis.from_url(redis_url) as client:
        assert client.llen("calls:9") == 0


def test_a_connection_that_broke_is_opened_again(app: Celery, ask: Any) -> None:
    add = app.tasks["calls.add"]
    add.delay(1)
    ask(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'windrow-caller' AND datname = current_database()"
    )
    add.delay(2)
    assert ask("SELECT count(*) FROM windrow.jobs") == [(2,)]


def test_a_canvas_is_one_transaction(app: Celery, ask: Any) -> None:
    add = app.tasks["calls.add"]
    chord([add.s(i) for i in range(20)] + [chain(add.s(1), add.s(2))])(add.s())
    ((jobs, transactions),) = ask("SELECT count(*), count(DISTINCT xmin::text) FROM windrow.jobs")
    assert (jobs, transactions) == (21, 1)
    assert ask("SELECT size, remaining FROM windrow.chords") == [(21, 21)]
    group(add.s(i) for i in range(10)).apply_async()
    assert ask("SELECT count(*), count(DISTINCT xmin::text) FROM windrow.jobs") == [(31, 2)]


def test_threads_that_call_at_once_share_commits_and_no_errors(app: Celery, ask: Any) -> None:
    add = app.tasks["calls.add"]

    def call(i: int) -> str:
        try:
            # A NUL in a name is the one thing that Postgres cannot keep.
            return str((app.send_task("calls.\x00") if i == 50 else add.delay(i)).id)
        except psycopg.DataError:
            return "refused"

    with ThreadPoolExecutor(16) as pool:
        ids = list(pool.map(call, range(100)))
    assert ids[50] == "refused"
    assert {row[0] for row in ask("SELECT id FROM windrow.jobs")} == {id for id in ids if id != "refused"}
    ((transactions,),) = ask("SELECT count(DISTINCT xmin::text) FROM windrow.jobs")
    assert transactions < 99


def test_a_message_is_a_wake_up_whatever_the_input_weighs(app: Celery, redis_url: str) -> None:
    app.tasks["calls.add"].delay("x" * 100_000)
    with redis.Redis.from_url(redis_url) as client:
        (message,) = client.lrange("calls:9", 0, -1)
    assert len(message) < 200


def test_the_same_id_is_the_same_job(app: Celery, ask: Any) -> None:
    add = app.tasks["calls.add"]
    add.apply_async((1,), task_id="order.1")
    add.apply_async((2,), task_id="order.1")
    assert ask("SELECT job_id, input FROM windrow.payloads") == [("order.1", "[[1], {}]")]


def test_revoke_and_purge_cancel_in_the_ledger(app: Celery, ask: Any) -> None:
    add = app.tasks["calls.add"]
    later = add.apply_async((1,), countdown=60)
    later.revoke()
    assert later.state == "REVOKED"
    for i in range(3):
        add.delay(i)
    assert app.control.purge() == 3
    assert ask("SELECT DISTINCT state::text FROM windrow.jobs") == [("cancelled",)]


def test_a_revoked_member_fails_its_chord(app: Celery) -> None:
    add = app.tasks["calls.add"]
    body = chord([add.s(1).set(task_id="member.1", countdown=60)])(add.s())
    app.control.revoke("member.1")
    assert body.state == "FAILURE"
    assert "member.1" in str(body.result)


def _call_in_child(app: Celery) -> None:
    app.tasks["calls.add"].delay(2)
    app.windrow.caller.close()


def test_a_forked_process_uses_a_connection_of_its_own(app: Celery, ask: Any) -> None:
    add = app.tasks["calls.add"]
    add.delay(1)
    child = multiprocessing.get_context("fork").Process(target=_call_in_child, args=(app,))
    child.start()
    child.join(20)
    assert child.exitcode == 0
    add.delay(3)
    assert ask("SELECT count(*) FROM windrow.jobs") == [(3,)]
