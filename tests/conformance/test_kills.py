"""The whole worker is killed at each point of a canvas: every step is recorded once, and so is the body."""

from __future__ import annotations

import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from celery import Celery, chain, chord

from tests.conformance.case import settle
from tests.conformance.conftest import APP, ROOT, environment
from tests.conformance.here import adopt_here
from tests.conformance.killing_worker import POINTS, arm, kills
from tests.conformance.project import effects
from tests.conformance.project import tasks as t
from tests.conformance.project.celeryapp import app as shop
from tests.support.databases import Databases
from tests.support.processes import Doors
from windrow.dev.guard import Guard

#: The real times, shortened.
QUICK = {
    "WINDROW_LEASE_SECONDS": "2",
    "WINDROW_RESCUE_SECONDS": "0.3",
    "WINDROW_SETTLE_AFTER_SECONDS": "2",
    "WINDROW_SETTLE_EVERY_SECONDS": "0.5",
    "WINDROW_SETTLE_SECONDS": "0.5",
    "WINDROW_RELAY_SECONDS": "0.3",
    "WINDROW_PROMOTE_SECONDS": "0.3",
}
#: A busy machine takes long to start workers again.
WAIT_SECONDS = 150.0


class World:
    """An adopted project whose worker is started again whenever it was killed."""

    def __init__(self, doors: Doors, database_url: str) -> None:
        self.database_url = database_url
        self._doors = doors
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def start(self) -> None:
        self._doors.start("beat")
        self._worker = self._begin()
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join(30)
        self._doors.close()

    def _begin(self) -> Any:
        argv = [sys.executable, "-m", "tests.conformance.killing_worker", "--loglevel", "WARNING"]
        return self._doors.run("worker", argv, cwd=ROOT)

    def _watch(self) -> None:
        while not self._over.wait(0.05):
            if self._worker.returncode is not None:
                self._worker = self._begin()

    def log(self) -> str:
        return str(self._worker.log())

    def query(self, sql: str, since: Any) -> list[Any]:
        with psycopg.connect(self.database_url) as connection:
            return connection.execute(sql, {"since": since}).fetchall()


@pytest.fixture(scope="module")
def world(
    shop_url: str, databases: Databases, guard: Guard, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    database_url = databases.create()
    addresses = environment(shop_url, 6)
    doors = Doors(
        guard,
        {
            **addresses,
            **QUICK,
            "WINDROW_DATABASE_URL": database_url,
            "WINDROW_REDIS_URL": f"{shop_url}/6",
            "WINDROW_CELERY_APP": APP,
            "WINDROW_QUEUES": "shop,shop-side",
            "WINDROW_CONCURRENCY": "4",
            "TMPDIR": str(tmp_path_factory.mktemp("kills")),
            "PYTHONPATH": str(ROOT),
        },
    )
    world = World(doors, database_url)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHOP_EFFECTS_URL", addresses["SHOP_EFFECTS_URL"])
        effects._client.cache_clear()
        adopt_here(shop, database_url, f"{shop_url}/6")
        try:
            world.start()
            yield world
        finally:
            world.stop()
            shop.windrow.caller.close()
            effects._client.cache_clear()
            databases.drop(database_url)


def a_chain(app: Celery, key: str) -> Any:
    return chain(t.step.s(1, key), t.step.s(key), t.step.s(key)).apply_async()


def a_wide_chord(app: Celery, key: str) -> Any:
    return chord([t.step.s(i, key) for i in range(50)])(t.joined.s(key))


def a_nested_chord(app: Celery, key: str) -> Any:
    inner = chord([t.step.s(1, key), t.step.s(2, key)], t.joined.s(key))
    return chord([inner, t.step.s(10, key)])(t.joined.s(key))


Canvas = Callable[[Celery, str], Any]
#: canvas, its result, its jobs by task
CANVASES: list[tuple[Canvas, Any, dict[str, int]]] = [
    (a_chain, 4, {"shop.step": 3}),
    (a_wide_chord, list(range(1, 51)), {"shop.step": 50, "shop.joined": 1}),
    (a_nested_chord, [[2, 3], 11], {"shop.step": 3, "shop.joined": 2}),
]


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("nth", [1, 2, 3])
@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize(("canvas", "value", "jobs"), CANVASES, ids=["chain", "chord", "nested"])
def test_a_killed_worker_records_every_step_once(
    world: World, canvas: Canvas, value: Any, jobs: dict[str, int], point: str, nth: int
) -> None:
    (since,) = world.query("SELECT clock_timestamp(), %(since)s::text", None)[0][:1]
    before = kills()
    arm(point, nth)
    result = canvas(shop, f"kill-{uuid.uuid4().hex[:8]}")
    settle(result, WAIT_SECONDS)
    assert result.state == "SUCCESS", world.log()
    assert result.result == value
    # The last points may lie behind the result.
    end = time.monotonic() + (30 if nth == 1 else 3)
    while kills() == before and time.monotonic() < end:
        time.sleep(0.05)
    rows = world.query(
        """
        SELECT j.task, j.state::text, count(a.*) FILTER (WHERE a.outcome = 'succeeded'), j.id, j.attempt, j.claims,
               j.worker, array_agg(a.outcome), j.created_at, j.finished_at
        FROM windrow.jobs j LEFT JOIN windrow.attempts a ON a.job_id = j.id
        WHERE j.created_at > %(since)s AND j.task IN ('shop.step', 'shop.joined') GROUP BY j.id
        """,
        since,
    )
    assert Counter(row[0] for row in rows) == jobs, rows
    assert {(row[1], row[2]) for row in rows} == {("succeeded", 1)}, rows
    assert kills() == before + 1 or nth > 1, f"{point} was never passed"
