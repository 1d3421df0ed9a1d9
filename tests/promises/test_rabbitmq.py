"""A release on RabbitMQ: the same ledger, the same promises."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from celery import Celery
from kombu.entity import Queue

from tests.promises.world import FAST, World
from tests.support.processes import Doors
from tests.support.rabbit import Management
from windrow.broker.rabbit.queues import ARGUMENTS
from windrow.dev.guard import Guard
from windrow.dev.rabbit_server import RabbitServer

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def world(database_url: str, redis_url: str, amqp_url: str, guard: Guard, tmp_path: Path) -> Iterator[World]:
    """Nothing runs yet; the doors are told as RabbitMQ's own image is."""
    at = urlsplit(amqp_url)
    env = {
        **FAST,
        "WINDROW_DATABASE_URL": database_url,
        "WINDROW_REDIS_URL": redis_url,
        "RABBITMQ_HOST": at.hostname or "",
        "RABBITMQ_DEFAULT_USER": at.username or "",
        "RABBITMQ_DEFAULT_PASS": at.password or "",
        "RABBITMQ_DEFAULT_VHOST": unquote(at.path[1:]),
        "PORT_AMQP": str(at.port),
        "TMPDIR": str(tmp_path),
    }
    doors = Doors(guard, env)
    world = World(doors, database_url, redis_url, tmp_path, amqp_url)
    yield world
    doors.close()
    world.close()
    assert not any((at.password or "?") in door.log() for door in doors.started())


def test_a_job_comes_in_over_http_and_ends_and_redis_holds_no_message_of_it(
    world: World, rabbit: Management
) -> None:
    world.beat()
    world.worker(concurrency=2)
    world.api()
    world.until_known("nap")
    with world.client() as client:
        answer = client.post(
            "/v1/jobs",
            json={"task": "nap", "input": [0.5, "hello"], "priority": 9},
            headers={"Prefer": "wait=30"},
        )
    assert (answer.status_code, answer.json()["state"], answer.json()["result"]) == (
        200,
        "succeeded",
        "hello",
    )
    shown = rabbit.queues()
    assert {
        (shown[f"default{step}"]["type"], shown[f"default{step}"]["durable"])
        for step in ("", ":3", ":6", ":9")
    } == {("quorum", True)}
    assert not world.redis.keys("default*")
    assert not world.redis.keys("unacked*")


def test_higher_priorities_go_first_and_a_window_is_refilled(world: World) -> None:
    # A window of 3: most of the jobs wait in the ledger for their messages.
    world.beat(window="3", relay_batch="3")
    ids = {
        priority: world.submit("nap", 0.01, priority, count=5, priority=priority, send=False)
        for priority in (0, 9, 4)
    }
    world.until(
        lambda: (
            world.rows("SELECT count(*) AS n FROM windrow.jobs WHERE published_at IS NOT NULL")[0]["n"] >= 9
        )
    )
    world.worker(concurrency=1, window="3", claim_ahead="0")
    world.wait_final([job_id for group in ids.values() for job_id in group], 90)
    began = {priority: [row["started_at"] for row in world.jobs(group)] for priority, group in ids.items()}
    # The first three of each step were there from the start.
    assert sorted(began[9])[2] < sorted(began[4])[0]
    assert sorted(began[4])[2] < sorted(began[0])[-1]


def test_what_a_killed_worker_held_runs_elsewhere(world: World) -> None:
    world.beat()
    first = world.worker(concurrency=2)
    ids = world.submit("nap", 1.0, "ok", count=6)
    world.until(lambda: world.states(ids).get("running", 0) == 2)
    # SIGKILL, to its children too.
    first.kill()
    world.worker(concurrency=2)
    world.wait_final(ids, 60)
    assert {(row["state"], row["result"]) for row in world.jobs(ids)} == {("succeeded", '"ok"')}


def test_submits_are_accepted_while_rabbitmq_is_down_and_every_job_ends_after_its_return(
    world: World, rabbit_server: RabbitServer
) -> None:
    world.beat(settle_after_seconds="5", settle_every_seconds="5", settle_seconds="0.3")
    worker = world.worker(concurrency=2)
    world.api()
    with world.client() as client:
        world.until_known("nap")
        before = world.submit("nap", 0.3, "kept", count=20)
        world.until(lambda: world.states(before).get("succeeded", 0) > 2)
        rabbit_server.kill()
        try:
            answers = [
                client.post("/v1/jobs", json={"task": "nap", "input": [0.05, "kept"]}) for _ in range(20)
            ]
            # What runs ends, and is saved.
            world.until(lambda: not world.states(before).get("running", 0))
        finally:
            rabbit_server.start()
        answers += [client.post("/v1/jobs", json={"task": "nap", "input": [0.05, "kept"]}) for _ in range(5)]
    assert {answer.status_code for answer in answers} == {202}
    ids = [*before, *(answer.json()["id"] for answer in answers)]
    world.wait_final(ids, 90)
    assert {(row["state"], row["failures"], row["result"]) for row in world.jobs(ids)} == {
        ("succeeded", 0, '"kept"')
    }
    assert worker.returncode is None


def test_a_drained_worker_leaves_nothing_behind(world: World, rabbit: Management) -> None:
    world.beat()
    worker = world.worker(concurrency=1)
    ids = world.submit("nap", 0.5, "ok", count=4)
    world.until(lambda: world.states(ids).get("running", 0) == 1)
    worker.send(signal.SIGTERM)
    world.until(lambda: worker.returncode == 0)
    world.worker(concurrency=1)
    world.wait_final(ids, 60)
    assert {row["failures"] for row in world.jobs(ids)} == {0}
    assert rabbit.queue("default")["type"] == "quorum"


def test_a_paused_queue_is_emptied_and_goes_on_where_it_stopped(world: World, rabbit: Management) -> None:
    world.beat()
    world.api()
    ids = world.submit("nap", 0.01, "ok", count=10)
    with world.client() as client:
        assert client.post("/v1/queues/default:pause").status_code == 200
        world.worker(concurrency=2)
        time.sleep(1.0)
        assert world.states(ids) == {"queued": 10}
        assert client.post("/v1/queues/default:resume").status_code == 200
    world.wait_final(ids, 60)
    assert json.loads(world.job(ids[0])["result"]) == "ok"


def test_a_stock_celery_producers_message_becomes_a_job(world: World, amqp_url: str) -> None:
    world.beat()
    world.worker(concurrency=1, foreign_queues="default")
    app = Celery("stock", broker=amqp_url, set_as_current=False)
    app.conf.task_queues = [Queue("default", queue_arguments=ARGUMENTS)]
    app.conf.broker_connection_timeout = 5
    task = app.send_task("nap", (0.01, "stock"), queue="default", priority=9)
    app.close()
    world.until(lambda: bool(world.rows("SELECT FROM windrow.jobs WHERE id = %s", task.id)))
    world.wait_final([task.id], 60)
    assert (world.job(task.id)["state"], world.job(task.id)["result"]) == ("succeeded", '"stock"')
