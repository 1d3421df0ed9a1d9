"""A small Windrow of real processes, and short words for what happens to it."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psycopg
import redis
from psycopg.rows import dict_row

from tests.support.processes import Door, Doors
from windrow.broker import choice
from windrow.broker.message import Message
from windrow.core.ids import new_id
from windrow.core.job import NewJob
from windrow.dev.ports import free_port
from windrow.store.accept import accept
from windrow.store.control import cancel
from windrow.store.ledger import Ledger

ROOT = Path(__file__).parents[2]
#: Times at a tenth of the defaults and less; the rules between them are kept (renewals a lease, gap under lease).
FAST = {
    "WINDROW_APPS": "tests.promises.specs:PRESENT",
    "WINDROW_LEASE_SECONDS": "1.5",
    "WINDROW_CANCEL_GRACE_SECONDS": "0.5",
    "WINDROW_RESCUE_SECONDS": "0.1",
    "WINDROW_RESCUE_GAP_SECONDS": "1",
    "WINDROW_FAILURE_SECONDS": "0.5",
    "WINDROW_RELAY_SECONDS": "0.1",
    "WINDROW_PROMOTE_SECONDS": "0.5",
    "WINDROW_TICK_SECONDS": "0.5",
    "WINDROW_API_CATALOG_SECONDS": "0.3",
    "WINDROW_API_AUTH": "false",
    "PYTHONPATH": str(ROOT),
}
FINAL = ("succeeded", "failed", "cancelled", "expired")


class World:
    """One database, one Redis, and the doors that were started on them."""

    def __init__(
        self, doors: Doors, database_url: str, redis_url: str, folder: Path, amqp_url: str = ""
    ) -> None:
        """`database_url` is for the test's own looks and submits, always without a pooler."""
        self.doors = doors
        self.folder = folder
        self.redis_url = redis_url
        self.database_url = database_url
        self.redis: Any = redis.Redis.from_url(redis_url, decode_responses=True, socket_timeout=5)
        self.ledger = Ledger(database_url)
        self._publisher = choice.publisher(redis_url, amqp_url)
        self._sql: psycopg.Connection[dict[str, Any]] | None = None
        self._names = itertools.count(1)
        self.api_url = ""

    def close(self) -> None:
        """Leave the doors' logs in the test's folder, and give everything back."""
        for door in self.doors.started():
            (self.folder / f"{door.name}-{door.pid}.log").write_text(door.log())
        self.ledger.close()
        self._publisher.close()
        self.redis.close()
        if self._sql is not None:
            self._sql.close()

    # Processes.

    def beat(self, **env: str) -> Door:
        """A beat; its Celery keeps a pid file, so each gets its own."""
        pidfile = self.folder / f"beat{next(self._names)}.pid"
        return self.doors.start("beat", f"--pidfile={pidfile}", env=_names(env))

    def worker(
        self, *args: str, concurrency: int = 2, pool: str = "prefork", wait: bool = True, **env: str
    ) -> Door:
        """A worker of the queue `default`; with `wait` it is ready when this returns."""
        argv = ("-P", pool, "-c", str(concurrency), *args)
        return self.doors.start("worker", *argv, env=_names(env), ready=None if wait else "")

    def api(self, **env: str) -> Door:
        """An API; `self.api_url` is its address."""
        port = free_port()
        self.api_url = f"http://127.0.0.1:{port}"
        return self.doors.start("api", env={**_names(env), "WINDROW_API_PORT": str(port)})

    def client(self, timeout: float = 30.0) -> httpx.Client:
        """For `self.api_url`."""
        return httpx.Client(base_url=self.api_url, timeout=timeout)

    def until_known(self, task: str) -> None:
        """Wait until the API's catalog has the task: a worker that is ready has said so, or is about to."""
        with self.client() as client:
            self.until(lambda: any(one["name"] == task for one in client.get("/v1/tasks").json()["tasks"]))

    # Jobs.

    def submit(self, task: str, *args: Any, count: int = 1, send: bool = True, **fields: Any) -> list[str]:
        """Accept `count` jobs as a caller does, and with `send` their messages too; returns their ids."""
        text = json.dumps([args, fields.pop("kwargs", {})])
        jobs = [
            NewJob(id=new_id(), task=task, input=text, **{"queue": "default", **fields}) for _ in range(count)
        ]
        return self.accept(jobs, send)

    def accept(self, jobs: Sequence[NewJob], send: bool = True) -> list[str]:
        """The same for jobs that differ."""
        self.ledger.run(accept, jobs, send)
        if send:
            self._publisher.publish([Message(job.id, job.task, job.queue, job.priority) for job in jobs])
        return [job.id for job in jobs]

    def cancel(self, job_ids: Sequence[str]) -> None:
        """As the API does, in one call."""
        changes = self.ledger.run(cancel, job_ids).changes
        workers = {change.worker for change in changes if change.worker and not change.after.is_final}
        self._publisher.publish(signals=[(f"windrow:worker:{worker}", "renew") for worker in workers])

    # Looks.

    def rows(self, statement: str, *params: object) -> list[dict[str, Any]]:
        """The answer to any SQL; connects again when the server was away."""
        for _ in range(2):
            if self._sql is None or self._sql.closed:
                self._sql = psycopg.connect(
                    self.database_url, autocommit=True, connect_timeout=5, row_factory=dict_row
                )
            with suppress(psycopg.OperationalError):
                return self._sql.execute(statement, params or None).fetchall()
            self._sql.close()
        raise AssertionError("Postgres is away")

    def execute(self, statement: str) -> None:
        """Any SQL without an answer."""
        with psycopg.connect(self.database_url, autocommit=True, connect_timeout=5) as connection:
            connection.execute(statement)

    def job(self, job_id: str) -> dict[str, Any]:
        """A job's row, with the result and the error of its last attempt."""
        (row,) = self.jobs([job_id])
        return row

    def jobs(self, job_ids: Iterable[str]) -> list[dict[str, Any]]:
        """Their rows, in the order of the ids."""
        rows = self.rows(
            """
            SELECT j.*, a.result, a.error FROM windrow.jobs j
            LEFT JOIN windrow.attempts a ON a.job_id = j.id AND a.attempt = j.attempt
            WHERE j.id = ANY(%s)
            """,
            list(job_ids),
        )
        found = {row["id"]: row for row in rows}
        return [found[job_id] for job_id in job_ids]

    def states(self, job_ids: Iterable[str]) -> dict[str, int]:
        """How many are in each state."""
        rows = self.rows(
            "SELECT state, count(*) AS n FROM windrow.jobs WHERE id = ANY(%s) GROUP BY state", list(job_ids)
        )
        return {row["state"]: row["n"] for row in rows}

    def outcomes(self, job_id: str) -> list[str]:
        """How its attempts ended, in order."""
        rows = self.rows("SELECT outcome FROM windrow.attempts WHERE job_id = %s ORDER BY attempt", job_id)
        return [row["outcome"] for row in rows]

    def error(self, job_id: str) -> str:
        """Class and message of its last error."""
        error = json.loads(self.job(job_id)["error"])
        return f"{error['cls']}: {error['message']}"

    def lost(self) -> tuple[int, int]:
        """(attempts that ended as lost, workers that were taken for dead)."""
        (row,) = self.rows(
            "SELECT (SELECT count(*) FROM windrow.attempts WHERE outcome = 'lost') AS a, "
            "(SELECT count(*) FROM windrow.workers WHERE lost) AS w"
        )
        return row["a"], row["w"]

    def all_final(self, job_ids: Sequence[str]) -> bool:
        """Has every one ended?"""
        states = self.states(job_ids)
        return sum(states.get(state, 0) for state in FINAL) == len(job_ids)

    def wait_final(self, job_ids: Sequence[str], timeout: float = 60.0) -> None:
        """Until every one has ended."""
        self.until(lambda: self.all_final(job_ids), timeout, lambda: f"states: {self.states(job_ids)}")

    def wait_state(self, job_ids: Sequence[str], state: str, timeout: float = 60.0) -> None:
        """Until every one is in `state`."""
        self.until(
            lambda: self.states(job_ids) == {state: len(job_ids)},
            timeout,
            lambda: f"wanted {state}: {self.states(job_ids)}",
        )

    def until(
        self, met: Callable[[], bool], timeout: float = 60.0, what: Callable[[], object] = lambda: ""
    ) -> None:
        """Wait for it; fails with `what()` and every door's last lines."""
        deadline = time.monotonic() + timeout
        while not met():
            if time.monotonic() > deadline:
                logs = "\n".join(
                    f"--- {door.name} {door.pid} (exit {door.returncode})\n" + "\n".join(door.lines[-40:])
                    for door in self.doors.started()
                )
                raise AssertionError(f"never met within {timeout:g} s; {what()}\n{logs}")
            time.sleep(0.03)


def _names(env: Mapping[str, str]) -> dict[str, str]:
    """`lease_seconds="2"` as WINDROW_LEASE_SECONDS."""
    return {f"WINDROW_{name.upper()}": value for name, value in env.items()}
