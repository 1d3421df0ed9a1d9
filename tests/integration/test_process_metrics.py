"""Worker and beat tell the figures of their own process, whatever their children do, and nothing about jobs."""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from pathlib import Path

import httpx
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.beat_world import wait_until
from tests.support.processes import Door, Doors
from windrow.broker.message import Message
from windrow.broker.publisher import Publisher
from windrow.core.ids import new_id
from windrow.core.job import NewJob
from windrow.dev.ports import free_port
from windrow.store.accept import accept
from windrow.store.ledger import Ledger

pytestmark = pytest.mark.timeout(180)
ROOT = Path(__file__).parents[2]


def scrape(port: int) -> dict[str, float]:
    """Every sample; no series may have a label that grows."""
    text = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=20, trust_env=False).text
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            assert set(sample.labels) <= {
                "generation",
                "implementation",
                "major",
                "minor",
                "patchlevel",
                "version",
            }
            found[sample.name] = sample.value
    return found


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return {
        "WINDROW_APPS": "tests.promises.specs:PRESENT",
        "WINDROW_CONCURRENCY": "1",
        "WINDROW_METRICS_PORT": str(free_port()),
        "PYTHONPATH": str(ROOT),
        "TMPDIR": str(tmp_path),
    }


def start_worker(doors: Doors, env: dict[str, str]) -> Door:
    worker = doors.start("worker", env=env, ready="")
    worker.expect(r"\bready\b", 60)
    return worker


def test_a_busy_worker_answers(doors: Doors, env: dict[str, str], database_url: str, redis_url: str) -> None:
    port = int(env["WINDROW_METRICS_PORT"])
    worker = start_worker(doors, env)
    figures = scrape(port)
    assert figures["process_resident_memory_bytes"] > 10_000_000
    assert figures["process_open_fds"] > 3
    assert "process_cpu_seconds_total" in figures
    assert (figures["windrow_process_slots"], figures["windrow_process_busy_slots"]) == (1, 0)
    assert (figures["windrow_process_held_jobs"], figures["windrow_process_draining"]) == (0, 0)
    job = NewJob(new_id(), "nap", "default", "[[20], {}]")
    ledger, publisher = Ledger(database_url), Publisher(redis_url)
    ledger.run(accept, [job])
    publisher.publish([Message(job.id, job.task, job.queue)])
    # Its only child is busy for long; so is nobody else.
    wait_until(lambda: scrape(port)["windrow_process_busy_slots"] == 1, timeout=30)
    assert scrape(port)["windrow_process_held_jobs"] == 1
    ledger.close()
    publisher.close()
    assert not worker.says("Traceback")


def test_a_dead_childs_successor_does_not_keep_the_port(doors: Doors, env: dict[str, str]) -> None:
    port = int(env["WINDROW_METRICS_PORT"])
    worker = start_worker(doors, env)
    main = psutil.Process(worker.pid)
    (child,) = main.children()
    child.kill()
    wait_until(lambda: [one.pid for one in main.children()] not in ([], [child.pid]), timeout=30)
    successor = main.children()[0]
    listening = [
        c for c in main.net_connections("tcp") if c.status == psutil.CONN_LISTEN and c.laddr.port == port
    ]
    assert len(listening) == 1
    wait_until(lambda: not holds(successor, port), timeout=30)
    assert scrape(port)["windrow_process_slots"] == 1
    os.kill(worker.pid, signal.SIGTERM)
    assert worker.wait(60)
    socket.create_server(("127.0.0.1", port)).close()


def holds(process: psutil.Process, port: int) -> bool:
    return any(c.laddr.port == port for c in process.net_connections("tcp") if c.status == psutil.CONN_LISTEN)


def test_a_taken_port_is_said_and_the_worker_works(doors: Doors, env: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", int(env["WINDROW_METRICS_PORT"]))):
        worker = start_worker(doors, env)
    assert worker.says(r"No figures of this process: WINDROW_METRICS_PORT \d+ cannot be listened at")


def test_beat_answers_and_tells_what_fails(doors: Doors, env: dict[str, str], tmp_path: Path) -> None:
    port = int(env["WINDROW_METRICS_PORT"])
    beat = doors.start("beat", f"--pidfile={tmp_path / 'beat.pid'}", env=env, ready="")
    beat.expect("this process's metrics", 60)
    wait_until(lambda: scrape(port)["windrow_process_chores_failing"] == 0, timeout=30)
    assert scrape(port)["process_resident_memory_bytes"] > 10_000_000
    os.kill(beat.pid, signal.SIGTERM)
    assert beat.wait(60)
    away = {**env, "WINDROW_DATABASE_URL": "postgresql://127.0.0.1:1/none"}
    beat = doors.start("beat", f"--pidfile={tmp_path / 'beat2.pid'}", env=away, ready="")
    beat.expect("this process's metrics", 60)
    wait_until(lambda: scrape(port)["windrow_process_chores_failing"] >= 5, timeout=30)


@pytest.mark.parametrize("port", ["0", ""])
def test_it_is_off_by_default_and_then_nothing_listens(doors: Doors, env: dict[str, str], port: str) -> None:
    worker = start_worker(doors, {**env, "WINDROW_METRICS_PORT": port})
    time.sleep(0.5)
    connections = psutil.Process(worker.pid).net_connections("tcp")
    assert not [one for one in connections if one.status == psutil.CONN_LISTEN]
    assert not re.search("metrics", worker.log())
