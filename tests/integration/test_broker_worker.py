"""A stock Celery worker on our transport: pools, remote control, neighbours, and a Redis in trouble."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import Celery
from kombu import pools

from tests.support.processes import Door, Doors
from windrow.broker.depth import Depth
from windrow.dev.guard import Guard
from windrow.dev.redis_server import RedisServer

ROOT = Path(__file__).parents[2]
# Each starts one or two real workers.
pytestmark = pytest.mark.timeout(180)
Start = Callable[..., Door]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    path = tmp_path / "out"
    path.touch()
    return path


@pytest.fixture
def start(redis_url: str, guard: Guard, out: Path) -> Iterator[Start]:
    """`start(intake="w1", queues="ours", pool="prefork")`: a worker that is ready; intake "": stock transport."""
    env = {"REDIS_URL": redis_url, "OUT": str(out), "PYTHONPATH": f"{ROOT}/services:{ROOT}"}
    doors = Doors(guard, env)

    def run(intake: str = "w1", queues: str = "ours", pool: str = "prefork", concurrency: int = 2) -> Door:
        name = intake or "stock"
        argv = [sys.executable, "-m", "celery", "-A", "tests.support.broker_app", "worker", "-n", f"{name}@h"]
        argv += ["-P", pool, "-c", str(concurrency), "-Q", queues, "-l", "INFO", "-E", "--without-mingle"]
        env = {"INTAKE": intake, "QUEUES": queues, "CONCURRENCY": str(concurrency)}
        return doors.run(name, argv, env=env, ready=r"ready\.", cwd=ROOT)

    yield run
    doors.close()


@pytest.fixture
def client(redis_url: str) -> Iterator[Any]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def app(redis_url: str) -> Iterator[Celery]:
    """A stock producer."""
    app = Celery("producer", broker=redis_url)
    app.conf.task_ignore_result = True
    yield app
    app.close()
    # kombu keeps a process's connections by URL, for ever.
    pools.reset()


def send(app: Celery, words: list[str], queue: str = "ours", seconds: float = 0.0, **options: Any) -> None:
    for word in words:
        app.send_task("note", (word, seconds), queue=queue, **options)


def said(out: Path) -> list[str]:
    return out.read_text().split()


def until(met: Callable[[], bool], seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while not met():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def settled(client: Any) -> bool:
    return bool(client.hlen("unacked:pool") == 0 and client.zcard("unacked_index:pool") == 0)


@pytest.mark.parametrize("pool", ["prefork", "threads", "solo"])
def test_every_pool_runs_each_message_once_and_answers_remote_control(
    start: Start, app: Celery, client: Any, out: Path, pool: str
) -> None:
    worker = start(pool=pool)
    words = [f"m{n}" for n in range(30)]
    send(app, words)
    assert until(lambda: len(said(out)) >= 30), worker.log()
    assert until(lambda: settled(client)), client.hgetall("unacked:pool")
    assert sorted(said(out)) == sorted(words)
    assert until(lambda: app.control.ping(timeout=2) == [{"w1@h": {"ok": "pong"}}])
    inspect = app.control.inspect(timeout=10, limit=1)
    assert [queue["name"] for queue in inspect.active_queues()["w1@h"]] == ["ours"]
    assert inspect.stats()["w1@h"]["total"] == {"note": 30}
    assert worker.stop(60), worker.log()
    assert worker.returncode == 0
    assert not worker.says("Traceback"), worker.log()


def test_cancelling_and_adding_a_queue_by_remote_control_stops_and_starts_its_takes(
    start: Start, app: Celery, client: Any, out: Path
) -> None:
    worker = start(pool="solo")
    assert app.control.cancel_consumer("ours", reply=True, timeout=20, limit=1)
    send(app, ["waits"])
    time.sleep(1.3)
    assert said(out) == []
    assert client.llen("ours") == 1
    app.control.add_consumer("ours", reply=True, timeout=20, limit=1)
    assert until(lambda: said(out) == ["waits"]), worker.log()


def test_stock_workers_beside_ours_are_not_disturbed(
    start: Start, app: Celery, client: Any, out: Path
) -> None:
    ours, stock = start(), start(intake="", queues="theirs")
    seen: set[tuple[str, str]] = set()
    app.control.enable_events()
    for n in range(40):
        send(app, [f"o{n}"], priority=n % 10)
        send(app, [f"t{n}"], queue="theirs", priority=n % 10)
    with app.connection_for_read() as connection:
        receiver = app.events.Receiver(
            connection, handlers={"*": lambda e: seen.add((e["type"], e["hostname"]))}
        )
        for _ in receiver.itercapture(limit=None, timeout=20, wakeup=True):
            if (
                len(said(out)) >= 80
                and {("worker-heartbeat", "w1@h"), ("worker-heartbeat", "stock@h")} <= seen
            ):
                break
    assert sorted(said(out)) == sorted([f"o{n}" for n in range(40)] + [f"t{n}" for n in range(40)])
    assert until(lambda: settled(client) and not client.exists("unacked")), client.keys("*")
    assert until(
        lambda: sorted(name for reply in app.control.ping(timeout=2) for name in reply) == ["stock@h", "w1@h"]
    )
    assert ("task-succeeded", "w1@h") in seen
    # The stock queue has kombu's own names, and only that.
    assert client.smembers("_kombu.binding.theirs") == {b"theirs\x06\x16\x06\x16theirs"}
    for worker in (ours, stock):
        assert worker.stop(60), worker.log()
        assert not worker.says("Traceback"), worker.log()


def test_a_worker_outlives_a_restart_of_redis_that_lost_everything(
    start: Start, app: Celery, client: Any, out: Path, redis_server: RedisServer, redis_url: str
) -> None:
    worker = start()
    send(app, ["long"], seconds=3)
    assert until(lambda: client.hlen("unacked:pool") == 1)
    client.flushall()
    redis_server.kill()
    time.sleep(0.5)
    redis_server.start()
    # What it still runs is registered again, so that nobody scales it away.
    depth = Depth(redis_url)
    assert until(lambda: depth.in_flight("pool") == 1, 10), worker.log()
    send(app, ["after"])
    assert until(lambda: set(said(out)) == {"long", "after"}), worker.log()
    assert until(lambda: settled(client)), client.hgetall("unacked:pool")
    assert worker.returncode is None
    depth.close()


def test_a_worker_outlives_thirty_killed_connections_without_stalling(
    start: Start, app: Celery, client: Any, out: Path
) -> None:
    worker = start(concurrency=4)
    words = []
    for turn in range(30):
        word = f"m{turn}"
        words.append(word)
        send(app, [word], seconds=0.05)
        client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        if turn % 3 == 0:
            client.execute_command("CLIENT", "KILL", "TYPE", "pubsub", "SKIPME", "yes")
        time.sleep(0.1)
    assert until(lambda: set(said(out)) >= set(words), 30), worker.log()
    assert until(lambda: settled(client)), client.hgetall("unacked:pool")
    assert worker.returncode is None
    assert until(lambda: [list(reply) for reply in app.control.ping(timeout=3)] == [["w1@h"]])
    # Not even its consumer was restarted.
    assert not worker.says("re-establish|Traceback"), worker.log()


def test_a_worker_outlives_a_read_only_and_a_full_redis(
    start: Start, app: Celery, client: Any, out: Path
) -> None:
    worker = start()
    send(app, ["before"])
    assert until(lambda: said(out) == ["before"]), worker.log()
    client.replicaof("127.0.0.1", "1")
    time.sleep(2.5)
    client.replicaof("NO", "ONE")
    send(app, ["writable"])
    assert until(lambda: "writable" in said(out), 30), worker.log()
    send(app, ["waiting"] * 3, seconds=0.5)
    client.config_set("maxmemory", "1")
    time.sleep(2.5)
    client.config_set("maxmemory", "0")
    send(app, ["roomy"])
    assert until(lambda: "roomy" in said(out), 30), worker.log()
    assert worker.returncode is None
    assert until(lambda: settled(client)), client.hgetall("unacked:pool")


def test_a_worker_outlives_a_frozen_redis(
    start: Start, app: Celery, client: Any, out: Path, redis_server: RedisServer
) -> None:
    worker = start()
    redis_server.freeze()
    time.sleep(3)
    redis_server.thaw()
    send(app, ["thawed"])
    assert until(lambda: said(out) == ["thawed"]), worker.log()
    assert worker.stop(60), worker.log()
