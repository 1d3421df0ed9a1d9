"""The exporters' totals are the ledger's, to the job, whatever was killed meanwhile.

WINDROW_EXACT=full: at length, 10,000 jobs and 25 kills; writes build/exact.json.
"""

from __future__ import annotations

import json
import os
import random
import time
import urllib.request
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.promises.fleet import Fleet
from tests.promises.world import FINAL, ROOT, World
from tests.support.processes import Door
from windrow.dev.ports import free_port

FULL = os.environ.get("WINDROW_EXACT") == "full"
pytestmark = pytest.mark.timeout(1800 if FULL else 150)


@dataclass(frozen=True)
class Size:
    """How often somebody is killed, what is submitted each time, and how much slower than usual that may be."""

    kills: int
    flaky: int
    naps: int
    expired: int
    cancelled: int
    fold_batch: str
    patience: int

    @property
    def jobs(self) -> int:
        return self.kills * (self.flaky + self.naps + self.expired + self.cancelled)


SIZE = Size(25, 300, 20, 40, 40, "97", 10) if FULL else Size(7, 25, 6, 5, 5, "7", 1)
#: Whom the short form kills, so that it has them all; the long one draws.
TURNS = ("worker", "beat", "worker", "exporter", "beat")
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
        WHERE j.state = 'running' AND j.task = 'nap' AND j.started_at > clock_timestamp() - interval '0.3 seconds'
        """
    )
    for worker in fleet.workers:
        if {"pid": worker.pid} in pids:
            worker.kill()
            return True
    return False


def test_totals_are_the_ledgers_to_the_job_however_often_anybody_is_killed(world: World) -> None:
    began = time.monotonic()
    chance = random.Random(7)
    fold = {"fold_seconds": "0.05", "fold_batch": SIZE.fold_batch}
    beats = [world.beat(**fold), world.beat(**fold)]
    fleet = Fleet(world, size=2, concurrency=2)
    exporters = Exporters(world)
    ids: list[str] = []
    killed: Counter[str] = Counter()
    retry: dict[str, Any] = {"retry_errors": True, "options": '{"retry": {"base": 0.05, "cap": 0.2}}'}

    def many() -> bool:
        """Have so many ended? The kills shall meet jobs that run, wait and are tried again."""
        states = world.states(ids)
        part = 0.75 if FULL else 0.25
        return sum(states.get(state, 0) for state in FINAL) >= int(len(ids) * part)

    def busy_killed() -> bool:
        """Kill one in the middle of a job; when all jobs ended unseen, some more of them come."""
        if world.all_final(ids):
            ids.extend(world.submit("nap", 0.5, count=2))
        return kill_busy(world, fleet)

    for number in range(SIZE.kills):
        ids += world.submit("flaky", 0.4, count=SIZE.flaky, **retry)
        ids += world.submit("nap", 0.5, count=SIZE.naps)
        ids += world.submit("echo", number, count=SIZE.expired, expires_in=-1.0)
        world.cancel(world.submit("echo", number, count=SIZE.cancelled, send=False, delay=3600.0))
        who = chance.choice(TURNS) if FULL else TURNS[number % 5]
        killed[who] += 1
        if who == "worker":
            world.until(busy_killed, 25 * SIZE.patience)
            fleet.tend()
        elif who == "beat":
            at = chance.randrange(2)
            beats[at].kill()
            beats[at] = world.beat(**fold)
        else:
            exporters.kill()
        world.until(many, 25 * SIZE.patience)

    def ended() -> bool:
        fleet.tend()
        return world.all_final(ids)

    world.until(ended, 60 * SIZE.patience, lambda: world.states(ids))
    want_totals = ledger(world)
    # Killed workers, retries and failures were really among them.
    lost = sum(want_totals.get(("windrow_attempts_total", "lost", task), 0) for task in ("nap", "flaky"))
    assert lost
    assert want_totals["windrow_attempts_retried_total", "flaky"] > SIZE.flaky
    assert want_totals["windrow_jobs_finished_total", "failed", "flaky"]
    assert want_totals["windrow_jobs_finished_total", "cancelled", "echo"] == SIZE.cancelled * SIZE.kills
    assert want_totals["windrow_jobs_finished_total", "expired", "echo"] == SIZE.expired * SIZE.kills
    world.until(
        lambda: all(totals == want_totals for totals in exporters.totals()),
        15 * SIZE.patience,
        lambda: [set(totals.items()) ^ set(want_totals.items()) for totals in exporters.totals()],
    )
    if FULL:
        note(want_totals, killed, lost, time.monotonic() - began)


def note(totals: Totals, killed: Mapping[str, int], lost: float, seconds: float) -> None:
    """What the long form saw, for docs/metrics.md."""

    def total(name: str, *which: str) -> float:
        return sum(value for key, value in totals.items() if key[0] == name and set(which) <= set(key))

    figures = {
        "jobs": total("windrow_jobs_submitted_total"),
        "failed": total("windrow_jobs_finished_total", "failed"),
        "attempts": total("windrow_attempts_total"),
        "retries": total("windrow_attempts_retried_total"),
        "lost attempts": lost,
        "kills": dict(killed),
        "counters compared": len(totals),
        "seconds": round(seconds),
    }
    assert figures["jobs"] == SIZE.jobs
    path = ROOT / "build" / "exact.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(figures, indent=2) + "\n")
