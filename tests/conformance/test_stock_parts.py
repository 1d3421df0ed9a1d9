"""A stock producer and worker, and Flower, on the same Redis: neither side disturbs the other.

And what stock Celery has no part for: how the ledger's own attempts look to a task.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from celery import Celery
from celery.result import AsyncResult

from tests.conformance.case import settle
from tests.conformance.conftest import ROOT
from tests.conformance.here import adopt_here
from tests.conformance.project import effects
from tests.conformance.project import tasks as t
from tests.conformance.project.celeryapp import app as shop
from tests.support.processes import Doors
from windrow.core.ids import new_id
from windrow.core.job import NewJob
from windrow.dev.ports import free_port
from windrow.store.accept import accept
from windrow.store.ledger import Ledger

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def caller(adopted: Doors) -> Iterator[Celery]:
    """The project in this process, adopted, on the adopted worker's ledger."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHOP_EFFECTS_URL", adopted._env["SHOP_EFFECTS_URL"])
        effects._client.cache_clear()
        adopt_here(shop, adopted._env["WINDROW_DATABASE_URL"], adopted._env["WINDROW_REDIS_URL"])
        yield shop
        shop.windrow.caller.close()
        effects._client.cache_clear()


def test_a_stock_producer_and_worker_are_left_alone(adopted: Doors, caller: Celery) -> None:
    adopted.run(
        "neighbour",
        [
            sys.executable,
            "-m",
            "celery",
            "-A",
            "tests.conformance.stock_app",
            "worker",
            "-c",
            "2",
            "-l",
            "INFO",
        ],
        ready=r"\bready\b",
        cwd=ROOT,
        timeout=60,
    )
    producer = adopted.run("producer", [sys.executable, "-m", "tests.conformance.stock_producer"], cwd=ROOT)
    ours = [t.add.delay(i, i) for i in range(50)]
    producer.expect(lambda: producer.returncode is not None, 90)
    producer.reap()
    assert producer.returncode == 0, producer.log()
    assert [result.get(timeout=60) for result in ours] == [2 * i for i in range(50)]
    # The message that strayed into our queue went where nobody runs it.
    with redis.Redis.from_url(adopted._env["WINDROW_REDIS_URL"]) as client:
        deadline = time.monotonic() + 30
        while not (rejected := client.lrange("windrow:rejected", 0, -1)):
            assert time.monotonic() < deadline, "the stray message was not rejected"
            time.sleep(0.05)
    (stray,) = rejected
    assert b"neighbour.add" in stray


def test_a_task_counts_the_retries_that_a_job_asked_for_as_its_own(adopted: Doors, caller: Celery) -> None:
    key, job_id = uuid.uuid4().hex, new_id()
    job = NewJob(
        job_id,
        "shop.stumbles",
        "shop",
        input=json.dumps([[key, 2], {}]),
        retry_errors=True,
        options='{"retry": {"base": 0.05, "factor": 1, "cap": 0.05}}',
    )
    ledger = Ledger(adopted._env["WINDROW_DATABASE_URL"])
    ledger.run(accept, [job], False)
    ledger.close()
    result = AsyncResult(job_id, app=caller)
    # As `autoretry_for` would have it.
    assert result.get(timeout=60) == 2
    assert effects.effects(key) == ["try 0", "try 1", "try 2"]


@pytest.mark.skipif(importlib.util.find_spec("flower") is None, reason="needs the flower extra")
def test_flower_shows_real_names_and_can_terminate(adopted: Doors, caller: Celery) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    adopted.run(
        "flower",
        [
            sys.executable,
            "-m",
            "celery",
            f"--broker={adopted._env['WINDROW_REDIS_URL']}",
            "flower",
            "--address=127.0.0.1",
            f"--port={port}",
        ],
        env={"FLOWER_UNAUTHENTICATED_API": "true"},
    )
    wait_until(lambda: bool(ask(f"{url}/api/workers?refresh=1")), 60)
    # It asks the workers for their events every few seconds.
    wait_until(lambda: "shop.tick" in _names(url), 60)
    key = f"flower-{uuid.uuid4().hex[:8]}"
    running = t.sleepy.delay(60, key)
    waiting = t.add.apply_async((1, 1), countdown=60)
    assert effects.wait_effects(key, 1) == ["started"]
    ask(f"{url}/api/task/revoke/{waiting.id}", b"")
    ask(f"{url}/api/task/revoke/{running.id}?terminate=true", b"")
    settle(waiting)
    settle(running)
    assert (waiting.state, running.state) == ("REVOKED", "REVOKED")
    assert effects.effects(key) == ["started"]
    wait_until(lambda: "shop.sleepy" in _names(url), 30)
    (worker,) = (name for name in ask(f"{url}/api/workers") if not name.startswith("celery@"))
    assert worker.startswith("default@")


def _names(url: str) -> set[str]:
    return {task["name"] for task in ask(f"{url}/api/tasks?limit=1000").values()}


def ask(url: str, body: bytes | None = None) -> Any:
    """Flower's JSON; {} while it does not answer."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=body), timeout=20) as answer:
            return json.load(answer)
    except OSError:
        return {}


def wait_until(met: Any, timeout: float) -> None:
    """Ask again until it is so."""
    end = time.monotonic() + timeout
    while not met():
        assert time.monotonic() < end
        time.sleep(0.3)
