"""The exporters' totals are the ledger's, to the job, whatever was killed meanwhile."""

from __future__ import annotations

import random
import urllib.request
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.promises.fleet import Fleet
from tests.promises.world import FINAL, World
from tests.support.processes import Door
from windrow.dev.ports import free_port

pytestmark = pytest.mark.timeout(150)

KILLS = 7
Totals = Mapping[tuple[str, ...], float]


class Exporters:
    """Two of them; the first one is killed and comes again elsewhere."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._found = [self._start(), self._start()]

    def kill(self) -> None:
        self._found[0][0].kill()
        self._found[0] = self._start()

    def totals(self) -> Sequence[Totals]:
        return [_scrape(port) for _, port in self._found]

    def _start(self) -> tuple[Door, int]:
        port = free_port()
        return self._world.doors.start("exporter", env={"WINDROW_EXPORTER_PORT": str(port)}), port


def _scrape(port: int) -> Totals:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    return {
        (
            sample.name,
            *(value for key, value in sorted(sample.labels.items()) if key != "queue"),
        ): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if "task" in sample.labels and sample.value and not sample.name.endswith(("_bucket", "_sum"))
    }


def ledger(world: World) -> Totals:
    """The same totals, counted by hand."""
    found: Counter[tuple[str, ...]] = Counter()
    for job in world.rows("SELECT task, state, finished_at FROM windrow.jobs"):
        found["windrow_jobs_submitted_total", job["task"]] += 1
        if job["finished_at"] is not None:
            # Labels in the order of their names: outcome, task.
            found["windrow_jobs_finished_total", job["state"], job["task"]] += 1
    attempts = world.rows(
        "SELECT task, outcome, started_at, error::json->>'cls' AS cls, job_state FROM windrow.attempts"
    )
    for attempt in attempts:
        task = attempt["task"]
        found["windrow_attempts_total", attempt["outcome"], task] += 1
        if attempt["job_state"] == "retrying":
            found["windrow_attempts_retried_total", task] += 1
        if attempt["cls"] is not None and attempt["outcome"] not in ("cancelled", "released", "ignored"):
            known = attempt["cls"] in ("WorkerLost", "WorkerLostError")
            found["windrow_attempts_failed_total", attempt["cls"] if known else "other", task] += 1
        if attempt["started_at"] is not None:
            found["windrow_attempt_wait_seconds_count", task] += 1
            if attempt["outcome"] not in ("lost", "released"):
                found["windrow_attempt_run_seconds_count", task] += 1
        if attempt["job_state"] in ("succeeded", "failed", "cancelled", "expired"):
            found["windrow_job_end_to_end_seconds_count", task] += 1
    return found


def kill_busy(world: World, fleet: Fleet) -> bool:
    """Kill a worker in the middle of a job; False when none runs one that will last a little."""
    pids = world.rows(
        """
        SELECT w.pid FROM windrow.jobs j JOIN windrow.workers w ON w.id = j.worker
        WHERE j.state = 'running' AND j.task = 'nap' AND j.started_at > clock_timestamp() - interval '0.2 seconds'
        """
    )
    for worker in fleet.workers:
        if {"pid": worker.pid} in pids:
            worker.kill()
            return True
    return False


def test_totals_are_the_ledgers_to_the_job_however_often_anybody_is_killed(world: World) -> None:
    chance = random.Random(7)
    beats = [world.beat(fold_seconds="0.05", fold_batch="7"), world.beat(fold_seconds="0.05", fold_batch="7")]
    fleet = Fleet(world, size=2, concurrency=2)
    exporters = Exporters(world)
    ids: list[str] = []
    retry: dict[str, Any] = {"retry_errors": True, "options": '{"retry": {"base": 0.05, "cap": 0.2}}'}

    def a_quarter() -> bool:
        """Have so many ended? The kills shall meet jobs that run, wait and are tried again."""
        states = world.states(ids)
        return sum(states.get(state, 0) for state in FINAL) >= len(ids) // 4

    for number in range(KILLS):
        ids += world.submit("flaky", 0.4, count=25, **retry)
        ids += world.submit("nap", 0.5, count=6)
        ids += world.submit("echo", number, count=5, expires_in=-1.0)
        world.cancel(world.submit("echo", number, count=5, send=False, delay=3600.0))
        who = ("worker", "beat", "worker", "exporter", "beat")[number % 5]
        if who == "worker":
            world.until(lambda: kill_busy(world, fleet))
            fleet.tend()
        elif who == "beat":
            at = chance.randrange(2)
            beats[at].kill()
            beats[at] = world.beat(fold_seconds="0.05", fold_batch="7")
        else:
            exporters.kill()
        world.until(a_quarter)

    def ended() -> bool:
        fleet.tend()
        return world.all_final(ids)

    world.until(ended, 60, lambda: world.states(ids))
    want_totals = ledger(world)
    # Killed workers, retries and failures were really among them.
    assert (
        want_totals["windrow_attempts_total", "lost", "nap"]
        + want_totals["windrow_attempts_total", "lost", "flaky"]
    )
    assert want_totals["windrow_attempts_retried_total", "flaky"] > 30
    assert want_totals["windrow_jobs_finished_total", "failed", "flaky"]
    assert want_totals["windrow_jobs_finished_total", "cancelled", "echo"] == 5 * KILLS
    assert want_totals["windrow_jobs_finished_total", "expired", "echo"] == 5 * KILLS
    world.until(
        lambda: all(totals == want_totals for totals in exporters.totals()),
        15,
        lambda: [set(totals.items()) ^ set(want_totals.items()) for totals in exporters.totals()],
    )
