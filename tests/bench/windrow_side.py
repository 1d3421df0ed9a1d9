"""Windrow: its API, worker and beat as they are started in production, every job in the ledger."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import psycopg
import redis

from tests.bench.servers import Servers
from tests.bench.side import CONCURRENCY, BenchFailed, stopped, until_ready, wait_until
from tests.bench.wire import Caller, request
from tests.support.processes import Door
from windrow.api.auth import new_key
from windrow.api.callers import JOBS_READ, JOBS_WRITE
from windrow.dev.ports import free_port
from windrow.store import keys
from windrow.store.ledger import Ledger

REDIS = 0
QUEUE = "bench"
BATCH = 1_000
_TABLES = "jobs, payloads, attempts, progress, chords, chord_parts, guards"


class Windrow:
    """See the module. API keys are checked, as they are by default."""

    name = "windrow"

    def __init__(self, servers: Servers, redis_number: int = REDIS) -> None:
        self.programs = servers.programs
        self.api_port = free_port()
        self.database_url = servers.databases.create()
        self._doors: list[Door] = []
        self._pids = [servers.redis.pid, servers.postgres.pid]
        self._redis = redis.Redis.from_url(servers.redis_url(redis_number))
        self._database = psycopg.connect(self.database_url, autocommit=True)
        self.env = {
            "WINDROW_DATABASE_URL": self.database_url,
            "WINDROW_REDIS_URL": servers.redis_url(redis_number),
            "WINDROW_API_PORT": str(self.api_port),
            "WINDROW_CELERY_APP": "tests.bench.project:app",
            "WINDROW_APPS": "",
            "WINDROW_QUEUES": QUEUE,
        }
        key_id, key, digest = new_key()
        ledger = Ledger(self.database_url)
        ledger.run(keys.create, key_id, "bench", digest, [JOBS_READ, JOBS_WRITE])
        ledger.close()
        self._headers = {"Authorization": f"Bearer {key}"}

    def start(self, with_beat: bool = True) -> None:
        """Start API and beat, and a worker for a moment: its boot declares the tasks."""
        self._doors.append(self.programs.start("api", env=self.env, ready="Uvicorn running", timeout=90))
        if with_beat:
            self._doors.append(self.programs.start("beat", env=self.env, ready=""))
        self._pids += [door.pid for door in self._doors]
        with self.worker():
            pass

    def stop(self) -> None:
        """End what `start` started."""
        for door in self._doors:
            door.stop(20)

    @contextmanager
    def worker(self, warm: bool = True, *more: str) -> Iterator[Door]:
        argv = ("--concurrency", str(CONCURRENCY), "--loglevel", "WARNING", *more)
        door = self.programs.start("worker", *argv, env=self.env, ready="")
        if warm:
            until_ready(door, self._warm)
        yield from stopped(door)

    def processes(self) -> Sequence[int]:
        return list(self._pids)

    def clean(self) -> None:
        self._database.execute(f"TRUNCATE {', '.join(f'windrow.{t}' for t in _TABLES.split(', '))}")
        self._redis.flushdb()

    def fill(self, jobs: int) -> None:
        caller = Caller(self.api_port)
        try:
            for at in range(0, jobs, BATCH):
                status, body = caller.call(self.batch(min(BATCH, jobs - at)))
                if status != 202 or body["refused"]:
                    raise BenchFailed(f"a batch was answered with {status}: {str(body)[:500]}")
        finally:
            caller.close()

    def batch(self, jobs: int) -> bytes:
        """A request for that many no-ops."""
        wishes = [{"task": "bench.noop", "input": {"x": number}} for number in range(jobs)]
        return self._post("/v1/jobs:batchCreate", {"jobs": wishes})

    def finished(self) -> int:
        row = self._database.execute("SELECT count(*) FROM windrow.jobs WHERE state = 'succeeded'").fetchone()
        return int(row[0]) if row else 0

    def submits(self) -> Mapping[str, bytes]:
        return {"": self._post("/v1/jobs", {"task": "bench.noop", "input": {"x": 1}})}

    def stamps(self, delay: float = 0.0) -> Mapping[str, bytes]:
        wish: dict[str, object] = {"task": "bench.stamp"}
        return {"": self._post("/v1/jobs", {**wish, "delay": delay} if delay else wish)}

    def results(self) -> Mapping[str, bytes]:
        body = {"task": "bench.noop", "input": {"x": 1}}
        return {"": request("POST", "/v1/jobs", body, {**self._headers, "Prefer": "wait=10"})}

    def stamped(self, job_ids: Sequence[str], timeout: float) -> list[float]:
        found: dict[str, str] = {}

        def all_there() -> bool:
            rows = self._database.execute(
                "SELECT job_id, result FROM windrow.attempts WHERE job_id = ANY(%s) AND outcome = 'succeeded'",
                [list(job_ids)],
            )
            found.update(rows.fetchall())
            return len(found) == len(job_ids)

        wait_until(all_there, "Windrow's results", timeout)
        return [float(json.loads(found[job_id])) for job_id in job_ids]

    def _post(self, path: str, body: object) -> bytes:
        return request("POST", path, body, self._headers)

    def _warm(self) -> bool:
        """Whether 20 jobs in a row go through a worker now."""
        caller = Caller(self.api_port)
        try:
            return all(self._answers(caller) for _ in range(20))
        finally:
            caller.close()

    def _answers(self, caller: Caller) -> bool:
        body = {"task": "bench.noop", "input": {"x": 1}}
        status, _ = caller.call(request("POST", "/v1/jobs", body, {**self._headers, "Prefer": "wait=2"}))
        if status != 200:
            time.sleep(0.2)
        return status == 200
