"""Producers that know of no ledger: what they send to a queue that takes it becomes a job like any other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from celery import Celery, chord

from tests.promises.world import World

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def producer(world: World) -> Iterator[Celery]:
    """A stock Celery app that knows the broker and the names of tasks, and nothing else."""
    app = Celery("old", broker=world.redis_url, set_as_current=False)
    # As it must be for priorities on Redis to be more than one list.
    app.conf.task_default_queue = "default"
    yield app
    app.close()


def test_what_waits_in_redis_when_the_pool_is_moved_over_runs_in_the_ledger(
    world: World, producer: Celery
) -> None:
    plain = producer.send_task("echo", ("plain",)).id
    own = producer.send_task("echo", ("own",), task_id="order-7", headers={"tenant": "a"}).id
    urgent = producer.send_task("echo", ("urgent",), priority=9).id
    later = producer.send_task("echo", ("later",), countdown=1.5).id
    late = producer.send_task("echo", ("late",), expires=-1).id
    world.beat()
    world.worker(foreign_queues="default")
    world.wait_final([plain, own, urgent, late])
    world.wait_final([later])
    assert [world.job(job_id)["state"] for job_id in (plain, own, urgent, later)] == ["succeeded"] * 4
    assert world.job(late)["state"] == "expired"
    assert [world.job(job_id)["result"] for job_id in (own, later)] == ['"own"', '"later"']
    assert world.redis.llen("windrow:rejected") == 0


def test_a_chain_of_a_stock_producer_goes_on_in_the_ledger(world: World, producer: Celery) -> None:
    world.beat()
    world.worker(foreign_queues="default")
    chain = producer.signature("echo", (0.1,)) | producer.signature("nap") | producer.signature("echo")
    result = chain.apply_async()
    ids = [result.id, result.parent.id, result.parent.parent.id]
    world.until(lambda: len(world.rows("SELECT 1 FROM windrow.jobs WHERE id = ANY(%s)", ids)) == 3)
    world.wait_final(ids)
    assert world.states(ids) == {"succeeded": 3}


def test_a_foreign_message_that_is_sent_twice_runs_once(world: World, producer: Celery) -> None:
    file = world.folder / "starts"
    world.beat()
    world.worker(foreign_queues="default")
    for _ in range(3):
        producer.send_task("mark", (str(file),), task_id="once")
    world.wait_final(["once"])
    world.until(lambda: world.redis.hlen("unacked:default") == 0 and world.redis.llen("default") == 0)
    assert len(file.read_text().splitlines()) == 1


def test_a_foreign_job_survives_its_worker(world: World, producer: Celery) -> None:
    file = world.folder / "starts"
    world.beat()
    worker = world.worker(foreign_queues="default")
    job_id = producer.send_task("mark", (str(file), 3.0)).id
    world.until(
        lambda: world.rows("SELECT 1 FROM windrow.jobs WHERE id = %s AND state = 'running'", job_id) != []
    )
    worker.kill()
    # The next worker takes no foreign messages: by now it is a job like any other.
    world.worker()
    world.wait_final([job_id])
    assert world.outcomes(job_id) == ["lost", "succeeded"]
    assert len(file.read_text().splitlines()) == 2


def test_a_chord_of_a_stock_producer_is_refused_as_a_whole(world: World, producer: Celery) -> None:
    file = world.folder / "starts"
    # A chord wants one; nobody looks into it.
    producer.conf.result_backend = "cache+memory://"
    world.beat()
    worker = world.worker(foreign_queues="default")
    mark, echo = (
        producer.signature("mark", (str(file),)),
        producer.signature("echo", ("last",), immutable=True),
    )
    parts = [mark, mark | echo]
    chord(parts, echo, app=producer).apply_async()
    plain = producer.send_task("echo", ("plain",)).id
    world.wait_final([plain])
    world.until(lambda: world.redis.llen("windrow:rejected") == 2)
    assert worker.says(r"a part of a chord whose body \(echo\) would never run")
    assert not file.exists()
    assert world.rows("SELECT task FROM windrow.jobs") == [{"task": "echo"}]
