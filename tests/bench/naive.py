"""Stock Celery with a Redis result backend behind FastAPI, tuned as its documentation says."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from uuid import uuid4

import redis

from tests.bench.servers import Servers
from tests.bench.side import CONCURRENCY, BenchFailed, stopped, until_ready, wait_until
from tests.bench.wire import request
from tests.support.processes import Door
from windrow.dev.ports import free_port

BROKER, RESULTS = 1, 2
QUEUE = "bench"
VARIANTS = ("async", "def")


class Naive:
    """See the module. No process of it imports windrow's Celery parts."""

    name = "naive"

    def __init__(self, servers: Servers) -> None:
        self.env = {
            "CELERY_BROKER_URL": servers.redis_url(BROKER),
            "CELERY_RESULT_BACKEND": servers.redis_url(RESULTS),
        }
        self.programs = servers.programs
        self.api_port = free_port()
        self._broker = redis.Redis.from_url(servers.redis_url(BROKER))
        self._results = redis.Redis.from_url(servers.redis_url(RESULTS))
        self._redis_pid = servers.redis.pid
        self._api_pid = 0

    def start(self) -> None:
        """Start the API."""
        uvicorn = [sys.executable, "-m", "uvicorn", "tests.bench.naive_api:app", "--port", str(self.api_port)]
        options = ["--loop", "uvloop", "--http", "httptools", "--no-access-log"]
        api = self.programs.run(
            "naive api", [*uvicorn, *options], env=self.env, ready="Uvicorn running", timeout=90
        )
        self._api_pid = api.pid

    @contextmanager
    def worker(self, warm: bool = True) -> Iterator[Door]:
        celery = [
            sys.executable,
            "-m",
            "celery",
            "-A",
            "tests.bench.project",
            "worker",
            "--loglevel",
            "WARNING",
        ]
        options = [
            "--pool",
            "prefork",
            "--concurrency",
            str(CONCURRENCY),
            "--without-gossip",
            "--without-mingle",
        ]
        door = self.programs.run("naive worker", [*celery, *options], env=self.env)
        if warm:
            key = f"celery-task-meta-{self._push(20)[0]}"
            until_ready(door, lambda: bool(self._results.exists(key)))
        yield from stopped(door)

    def processes(self) -> Sequence[int]:
        return [self._api_pid, self._redis_pid]

    def clean(self) -> None:
        self._broker.flushdb()
        self._results.flushdb()

    def fill(self, jobs: int) -> None:
        self._push(jobs)

    def finished(self) -> int:
        return int(self._results.dbsize())

    def submits(self) -> Mapping[str, bytes]:
        return {v: request("POST", f"/{v}/submit", {"x": 1}) for v in VARIANTS}

    def stamps(self, delay: float = 0.0) -> Mapping[str, bytes]:
        return {v: request("POST", f"/{v}/stamp", {"countdown": delay}) for v in VARIANTS}

    def results(self) -> Mapping[str, bytes]:
        return {v: request("POST", f"/{v}/result", {"x": 1}) for v in VARIANTS}

    def stamped(self, job_ids: Sequence[str], timeout: float) -> list[float]:
        keys = [f"celery-task-meta-{job_id}" for job_id in job_ids]
        wait_until(lambda: self._results.exists(*keys) == len(keys), "stock Celery's results", timeout)
        return [float(json.loads(meta or b"{}")["result"]) for meta in self._results.mget(keys)]

    def _push(self, jobs: int) -> list[str]:
        """Queue copies of a message that `delay()` itself made: filling a queue is not what is measured."""
        sample, old_id = self._sample()
        fields = json.loads(sample)
        old_tag = fields["properties"]["delivery_tag"]
        ids = [str(uuid4()) for _ in range(jobs)]
        messages = [sample.replace(old_id, new).replace(old_tag, str(uuid4())) for new in ids]
        for at in range(0, jobs, 500):
            self._broker.lpush(QUEUE, *messages[at : at + 500])
        return ids

    def _sample(self) -> tuple[str, str]:
        code = "from tests.bench.project import noop; print(noop.delay(1).id)"
        if not hasattr(self, "_cached"):
            before = self._broker.llen(QUEUE)
            door = self.programs.run("delay once", [sys.executable, "-c", code], env=self.env)
            if not door.wait(20) or self._broker.llen(QUEUE) <= before:
                raise BenchFailed(f"delay() did not send its message:\n{door.log()}")
            door.reap()
            payload = self._broker.lpop(QUEUE)
            if not isinstance(payload, bytes):
                raise BenchFailed("delay()'s message is gone")
            self._cached = (payload.decode(), door.lines[-1].strip())
        return self._cached
