"""`windrow exporter` on real servers: what it shows, what it costs in series, and what happens when a store is away."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.integration.beat_world import World
from tests.support.processes import Door, Doors
from windrow.core.task import Task
from windrow.dev.ports import free_port
from windrow.dev.postgres_server import PostgresServer
from windrow.dev.redis_server import RedisServer
from windrow.exporter.collector import WindrowCollector
from windrow.exporter.settings import ExporterSettings
from windrow.exporter.world import World as Asked
from windrow.store import queues
from windrow.store.catalog import declare
from windrow.store.fold import fold
from windrow.store.retain import OTHERS
from windrow.store.workers import end

#: Per task and queue, and per allowed exception class; see docs/metrics.md.
SERIES_A_PAIR, SERIES_A_CLASS = 85, 1


class Exporter:
    """A collector as the program has it, without the HTTP around it."""

    def __init__(self, world: World, **settings: Any) -> None:
        given = {"database_url": world.database_url, "redis_url": world.redis_url, **settings}
        self.settings = ExporterSettings(**given)
        self._asked = Asked(self.settings)
        self._registry = CollectorRegistry()
        self._registry.register(WindrowCollector(self._asked.look, self.settings.exception_names))

    def scrape(self) -> Mapping[str, float]:
        return parsed(generate_latest(self._registry).decode())

    def names(self) -> set[str]:
        """Every series; a strict parser is slow with so many."""
        lines = generate_latest(self._registry).decode().splitlines()
        return {line.rpartition(" ")[0] for line in lines if not line.startswith("#")}

    def close(self) -> None:
        self._asked.close()


def parsed(text: str) -> Mapping[str, float]:
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f"{key}={value}" for key, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}"] = sample.value
    return found


@pytest.fixture
def world(database_url: str, redis_url: str) -> Iterator[World]:
    world = World(database_url, redis_url)
    yield world
    world.close()


@pytest.fixture
def exporter(world: World) -> Iterator[Exporter]:
    exporter = Exporter(world)
    yield exporter
    exporter.close()


def declared(world: World, *names: str, queue: str = "q") -> None:
    world.ledger.run(declare, [Task(name, queue) for name in names], "default", "1", True)


def test_a_declared_task_has_its_series_before_its_first_job(world: World, exporter: Exporter) -> None:
    declared(world, "t")
    found = exporter.scrape()
    assert found["windrow_jobs_submitted_total{queue=q,task=t}"] == 0
    assert found["windrow_queue_depth{priority=0,queue=q}"] == 0
    assert found["windrow_pool_in_flight{pool=default}"] == 0
    assert found["windrow_workers{pool=default,state=serving}"] == 0
    assert found["windrow_messages_dropped_total{pool=default}"] == 0
    assert found["windrow_ledger_up{}"] == found["windrow_broker_up{}"] == 1
    assert found["windrow_ledger_connections_max{}"] > found["windrow_ledger_connections{}"] > 0
    assert found["windrow_broker_memory_used_bytes{}"] > 0


def test_live_jobs_are_shown_by_queue_and_state(world: World, exporter: Exporter) -> None:
    declared(world, "t")
    world.accept("waits", published=True)
    world.accept("later", delay=3600.0)
    world.accept("blocked", blocked=True)
    world.accept("runs", "held")
    world.worker("w", lease=15)
    world.claim("w", "runs", "held", started=["runs"])
    world.hold("w", "runs")
    world.redis.lpush("q:9", '{"id":"waits","task":"t"}')
    world.sql.execute("UPDATE windrow.jobs SET created_at = created_at - interval '90 s' WHERE id = 'waits'")
    world.ledger.run(queues.pause, "q")
    found = exporter.scrape()
    states = ("queued", "scheduled", "blocked", "claimed", "running", "retrying")
    assert [found[f"windrow_jobs{{queue=q,state={state}}}"] for state in states] == [1, 1, 1, 1, 1, 0]
    assert 90 <= found["windrow_queue_oldest_job_age_seconds{queue=q}"] < 200
    assert found["windrow_queue_paused{queue=q}"] == 1
    assert found["windrow_queue_depth{priority=9,queue=q}"] == 1
    assert found["windrow_pool_in_flight{pool=default}"] == 1
    assert found["windrow_workers{pool=default,state=serving}"] == 1
    assert found["windrow_worker_slots{pool=default}"] == 4


def test_what_a_worker_counted_stays_when_its_row_is_deleted(world: World, exporter: Exporter) -> None:
    world.worker("w", lease=15)
    world.worker("other", lease=15)
    world.sql.execute("UPDATE windrow.workers SET dropped = 3, late = 1")
    world.ledger.run(end, "w")
    before = exporter.scrape()
    assert before["windrow_messages_dropped_total{pool=default}"] == 6
    world.sql.execute(
        "UPDATE windrow.workers SET ended_at = now() - interval '9 days', forgotten_at = now() WHERE id = 'w'"
    )
    assert world.ledger.run(OTHERS["workers"], 10, 3600.0) == 1
    after = exporter.scrape()
    assert after["windrow_messages_dropped_total{pool=default}"] == 6
    assert after["windrow_finishes_late_total{pool=default}"] == 2


def test_series_are_as_many_as_the_arithmetic_says_however_often_workers_restart(
    world: World, exporter: Exporter
) -> None:
    for number in range(50):
        tasks = [Task(f"task{number}.{one}", f"queue{number}") for one in range(20)]
        world.ledger.run(declare, tasks, f"pool{number % 5}", "1", False)
    world.worker("first", pool="pool0")
    before = exporter.names()
    for number in range(500):
        world.worker(f"w{number}", pool=f"pool{number % 5}")
        world.ledger.run(end, f"w{number}")
    after = exporter.names()
    assert after == before
    classes = len(exporter.settings.exception_names) + 1
    assert sum('task="' in name for name in after) == 1000 * (SERIES_A_PAIR + classes * SERIES_A_CLASS)
    # A queue has 12 (the workers' own one is the 51st), a pool 9, a chore 3; Redis has no limit here.
    assert sum('task="' not in name for name in after) == 51 * 12 + 5 * 9 + 8 * 3 + 7
    assert not any("w1" in name for name in after)


def test_two_exporters_say_the_same(world: World, exporter: Exporter) -> None:
    declared(world, "t")
    world.accept("a", "b")
    world.ledger.run(fold, 100)
    second = Exporter(world)
    mine, other = exporter.scrape(), second.scrape()
    second.close()
    totals = {name: value for name, value in mine.items() if "_total{" in name or "_bucket{" in name}
    assert totals == {name: other[name] for name in totals}
    assert mine["windrow_jobs_submitted_total{queue=q,task=t}"] == 2


def test_a_scrape_behind_a_lock_ends_and_shows_what_it_can(world: World) -> None:
    declared(world, "t")
    exporter = Exporter(world, exporter_ledger_seconds=0.3)
    assert exporter.scrape()["windrow_ledger_up{}"] == 1
    with psycopg.connect(world.database_url) as locker:
        locker.execute("LOCK TABLE windrow.jobs IN ACCESS EXCLUSIVE MODE")
        found = exporter.scrape()
    assert found["windrow_ledger_up{}"] == 1
    assert "windrow_jobs_submitted_total{queue=q,task=t}" in found
    assert not any(name.startswith("windrow_jobs{") for name in found)
    exporter.close()


@pytest.fixture
def url() -> str:
    return f"http://127.0.0.1:{free_port()}"


def started(doors: Doors, url: str) -> Door:
    return doors.start("exporter", env={"WINDROW_EXPORTER_PORT": url.rpartition(":")[2]})


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=15) as answer:
        return str(answer.read().decode())


def lines(url: str) -> Mapping[str, float]:
    """Prometheus text: every series without its timestamp."""
    rows = (line.rpartition(" ") for line in get(f"{url}/metrics").splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in rows}


def wait_for(url: str, series: str, value: float) -> Mapping[str, float]:
    deadline = time.monotonic() + 20
    while (found := lines(url)).get(series) != value:
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
    return found


def test_the_program_serves_metrics_and_livez_and_ends_when_asked(
    world: World, doors: Doors, url: str
) -> None:
    declared(world, "t")
    door = started(doors, url)
    assert lines(url)['windrow_jobs_submitted_total{queue="q",task="t"}'] == 0
    assert get(f"{url}/livez") == "ok\n"
    with pytest.raises(urllib.error.HTTPError, match="404"):
        get(f"{url}/other")
    door.stop(10)
    assert door.returncode == 0


def test_a_frozen_or_missing_store_is_down_within_the_time_of_a_scrape(
    world: World, doors: Doors, url: str, postgres_server: PostgresServer, redis_server: RedisServer
) -> None:
    declared(world, "t")
    started(doors, url)
    wait_for(url, "windrow_broker_up", 1)
    # `get` gives up after 5 seconds.
    for server, up in ((postgres_server, "windrow_ledger_up"), (redis_server, "windrow_broker_up")):
        server.freeze()
        try:
            found = lines(url)
        finally:
            server.thaw()
        assert found[up] == 0
        assert get(f"{url}/livez") == "ok\n"
        found = wait_for(url, up, 1)
        assert 'windrow_jobs_submitted_total{queue="q",task="t"}' in found
    redis_server.kill()
    try:
        assert lines(url)["windrow_broker_up"] == 0
    finally:
        redis_server.start()
    wait_for(url, "windrow_broker_up", 1)
