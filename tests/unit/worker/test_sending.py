"""What delay and apply_async make of their options."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from celery import Celery, Task
from celery.exceptions import ImproperlyConfigured
from kombu.entity import Exchange, Queue
from kombu.exceptions import EncodeError

from tests.unit.worker.conftest import Notebook
from windrow.core.ids import made_at
from windrow.core.job import NewJob
from windrow.worker.adopt import REQUEST, STRATEGY, adopt, check


@pytest.fixture
def add(app: Celery) -> Any:
    @app.task(name="add")
    def add(x: int = 0, y: int = 1) -> int:
        return x + y

    return add


@pytest.fixture
def sent(notebook: Notebook, add: Any) -> Any:
    def sent(**options: Any) -> NewJob:
        notebook.calls.clear()
        add.apply_async((1,), **options)
        (job,) = notebook.jobs
        return job

    return sent


def test_a_plain_call_keeps_no_options(sent: Any) -> None:
    job = sent()
    assert (job.task, job.queue, job.input, job.options) == ("add", "celery", "[[1], {}]", None)
    assert made_at(job.id) is not None


def test_a_callers_own_id_is_kept(sent: Any) -> None:
    assert sent(task_id="order.7").id == "order.7"
    with pytest.raises(ValueError, match="cannot be a job's id"):
        sent(task_id="order 7/\x00")


def test_a_countdown_is_counted_by_the_ledgers_clock(sent: Any) -> None:
    job = sent(countdown=5, expires=60)
    assert (job.delay, job.run_at, job.expires_in, job.expires_at) == (5.0, None, 60.0, None)


def test_moments_are_kept(sent: Any) -> None:
    moment = datetime.now(UTC) + timedelta(hours=1)
    job = sent(eta=moment, expires=moment + timedelta(hours=1))
    assert (job.run_at, job.expires_at) == (moment, moment + timedelta(hours=1))


def test_celerys_priorities_keep_what_they_mean_on_redis(sent: Any) -> None:
    assert [sent(priority=p).priority for p in (None, 0, 3, 9)] == [9, 9, 6, 0]


def test_queues_and_routes_are_honoured(app: Celery, sent: Any) -> None:
    app.conf.task_queues = [Queue("hot", Exchange("work"), routing_key="work.hot"), Queue("celery")]
    assert sent(queue="hot").queue == "hot"
    assert sent(exchange="work", routing_key="work.hot").queue == "hot"
    assert sent(routing_key="celery", exchange="").queue == "celery"


def test_limits_headers_and_names_are_kept(sent: Any) -> None:
    job = sent(time_limit=9, soft_time_limit=8, headers={"trace": "t"}, shadow="dark", ignore_result=True)
    assert (job.hard_limit, job.soft_limit) == (9, 8)
    kept = json.loads(job.options)
    assert kept == {"timelimit": [9, 8], "headers": {"trace": "t"}, "shadow": "dark", "ignore_result": True}


def test_an_argument_that_is_not_json_is_refused(add: Any, notebook: Notebook) -> None:
    with pytest.raises(EncodeError):
        add.delay(object())
    assert notebook.calls == []


def test_pickle_is_refused(sent: Any) -> None:
    with pytest.raises(ImproperlyConfigured, match="pickle"):
        sent(serializer="pickle")


def test_a_group_that_breaks_halfway_sends_nothing(add: Any, notebook: Notebook) -> None:
    from celery import group

    with pytest.raises(EncodeError):
        group(add.s(1), add.s(object())).apply_async()
    assert notebook.calls == []


def test_tasks_of_any_base_are_dressed(app: Celery) -> None:
    class Base(Task):
        acks_late = False

    @app.task(base=Base, name="based")
    def based() -> None:
        pass

    app.finalize()

    @app.task(base=Base, name="late")
    def late() -> None:
        pass

    for name in ("based", "late", "celery.map", "windrow.errback"):
        task = app.tasks[name]
        assert (task.Strategy, task.Request, task.acks_late) == (STRATEGY, REQUEST, True), name


def test_an_app_may_be_configured_after_it_was_adopted() -> None:
    app = Celery("later", set_as_current=False)
    adopt(app)
    app.conf.update(result_backend="redis://elsewhere/1", task_acks_late=False)
    assert app.conf.task_acks_late is True
    assert app.backend.as_uri() == "windrow://ledger"


def test_adopting_twice_changes_nothing(app: Celery) -> None:
    before = app.send_task
    assert adopt(app) is app
    assert app.send_task is before


def test_what_cannot_be_run_is_said_with_its_reason(app: Celery) -> None:
    class OwnRequest(Task):
        Request = "somewhere:Request"

    @app.task(base=OwnRequest, name="own.request")
    def own_request() -> None:
        pass

    @app.task(name="limited", rate_limit="10/m", serializer="pickle")
    def limited() -> None:
        pass

    app.conf.task_serializer = "pickle"
    with pytest.raises(ImproperlyConfigured) as refused:
        check(app, "gevent")
    for word in ("gevent", "task_serializer", "own.request", "rate_limit", "limited has serializer"):
        assert word in str(refused.value)


def test_revoking_by_stamps_is_refused(app: Celery) -> None:
    with pytest.raises(ImproperlyConfigured, match="stamped"):
        app.control.revoke_by_stamped_headers({"a": "b"})
