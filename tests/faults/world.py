"""The whole stack on real servers: one API, two workers with two children each, two beats, and a load on it."""

from __future__ import annotations

import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psycopg
import redis

from tests.faults.births import Nursery
from tests.faults.checker import check, ended_by_losses
from tests.faults.history import AUDIT, FINAL, read_history
from tests.faults.kept import Kept
from tests.faults.load import Load, adopt_here
from tests.faults.passing import FOLDER, Points
from tests.faults.report import Line
from tests.faults.sizes import FULL
from tests.faults.times import environment
from windrow.api.auth import new_key
from windrow.api.callers import JOBS_READ, JOBS_WRITE
from windrow.dev.ports import free_port
from windrow.dev.postgres_server import PostgresServer
from windrow.dev.rabbit_server import RabbitServer
from windrow.dev.redis_server import RedisServer
from windrow.dev.server import Server
from windrow.store import keys
from windrow.store.ledger import Ledger

POOL = "default"
DOORS = {"api": "api", "worker-1": "worker", "worker-2": "worker", "beat-1": "beat", "beat-2": "beat"}
CHILDREN = 2
#: Seconds for everything to end after the last kill. The longest real way: a lease, a retry's delay, settle.
END_SECONDS = 240.0 if FULL else 60.0
#: What a machine may need for anything at all that has lost its breath.
MIN_WAIT_SECONDS = 120.0
#: Schedules go on meanwhile: their youngest jobs may still be under way.
YOUNG_SECONDS = 4.0


class World:
    """Started once for a whole run of tests; `begin` and `finish` bracket one line of the table."""

    def __init__(
        self,
        postgres: PostgresServer,
        store: RedisServer,
        database_url: str,
        nursery: Nursery,
        folder: Path,
        env: Mapping[str, str] | None = None,
        team: bool = True,
        rabbit: RabbitServer | None = None,
    ) -> None:
        """`env` goes over what the doors are given. `team`: whether this process calls tasks too; one world a run.

        `rabbit`: where the queues are, instead of in Redis.
        """
        self.postgres, self.redis, self.database_url = postgres, store, database_url
        self.rabbit = rabbit
        #: Who keeps the messages.
        self.broker: Server = rabbit or store
        self.has_team = team
        self.points = Points(folder / "points")
        self._runs = folder / "runs"
        port = free_port()
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(AUDIT)
        key_id, self.key, digest = new_key()
        ledger = Ledger(database_url)
        ledger.run(keys.create, key_id, "faults", digest, [JOBS_READ, JOBS_WRITE])
        ledger.close()
        given = env or {}
        env = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        env |= environment() | {
            "PYTHONUNBUFFERED": "1",
            "TMPDIR": str(folder),
            "WINDROW_DATABASE_URL": database_url,
            "WINDROW_REDIS_URL": store.url,
            "WINDROW_API_PORT": str(port),
            "WINDROW_CELERY_APP": "tests.faults.app:app",
            "WINDROW_APPS": "",
            "WINDROW_POOL": POOL,
            "WINDROW_RECORD_SECONDS": "0.5",
            "WINDROW_QUEUES": "faults",
            "WINDROW_CONCURRENCY": str(CHILDREN),
            "FAULTS_RUNS": str(self._runs),
            FOLDER: str(self.points.folder),
            **({"WINDROW_BROKER_URL": rabbit.url} if rabbit else {}),
            **given,
        }
        self.doors = Kept(nursery, folder, env)
        if team:
            adopt_here(database_url, store.url)
        self.api_url = f"http://127.0.0.1:{port}"
        self.load = Load(self.api_url, self.key)
        for name, door in DOORS.items():
            self.doors.add(name, door)
        self.wait(lambda: self.one("SELECT count(*) FROM windrow.workers") >= 2, "two workers", 60)
        self.wait(
            lambda: self.one("SELECT count(*) FROM windrow.tasks WHERE name LIKE 'faults.%'") > 5,
            "tasks",
            20,
        )

    def close(self) -> None:
        """Kill all doors."""
        self.load.close()
        self.doors.close()

    def begin(self) -> None:
        """From here on everything belongs to the next line; what a test left behind when it failed does not."""
        self.load.settle()
        self.load.take()
        self.points.disarm_all()
        self.since = str(self.one("SELECT clock_timestamp()"))
        self._runs.write_bytes(b"")
        #: Moments of kills, by time.time().
        self.kills: list[float] = []

    def kill_worker(self) -> None:
        """Kill a worker that the ledger knows; nobody would rescue another."""
        name = self.doors.names("worker")[0]
        self.wait(lambda: self.knows(name), f"row of {name}", 30)
        self.killed()
        self.doors.kill(name)

    def knows(self, name: str) -> bool:
        """Whether the ledger knows the worker that runs under that name now."""
        known = "SELECT count(*) FROM windrow.workers WHERE pid = %s AND ended_at IS NULL"
        return bool(self.one(known, self.doors.pid(name)))

    def killed(self, at: float | None = None) -> None:
        """Note a kill."""
        self.kills.append(time.time() if at is None else at)

    def empty_redis(self) -> None:
        """Lose everything that is in Redis, as a restart without its data would."""
        with redis.Redis.from_url(self.redis.url) as client:
            client.flushall()

    def restart_redis(self, keep: bool = True) -> None:
        """Kill Redis and start it again, with or without what it had written."""
        self.redis.kill()
        if not keep:
            shutil.rmtree(self.redis.folder / "appendonlydir", ignore_errors=True)
        self.redis.start()

    def restart_postgres(self) -> None:
        """Kill PostgreSQL and start it again; it recovers what was committed."""
        self.postgres.kill()
        self.postgres.start()

    def republished(self) -> int:
        """Messages that settle has sent again, ever; its notes come a moment later."""
        return int(self.one("SELECT coalesce(sum(done), 0) FROM windrow.chores WHERE name = 'settle'"))

    def living(self) -> int:
        """Workers that the ledger knows and that have not ended."""
        return int(self.one("SELECT count(*) FROM windrow.workers WHERE ended_at IS NULL"))

    def lost_workers(self) -> int:
        """Workers that were taken for dead, ever."""
        return int(self.one("SELECT count(*) FROM windrow.workers WHERE lost"))

    def under_way(self) -> int:
        """Jobs of this line that have not ended, and requests that were not answered."""
        return self.load.waiting() + self.unfinished()

    def finish(self, name: str, end_seconds: float = END_SECONDS) -> Line:
        """Wait until everything has ended, `end_seconds` at most, and judge what became of it."""
        self.load.settle()
        promises = self.load.take()
        deadline = time.monotonic() + end_seconds
        while self.unfinished() and time.monotonic() < deadline:
            time.sleep(0.1)
        unacked = self._unacked(deadline)
        history = read_history(self.database_url, self.since, promises)
        young = self._young()
        history.jobs = {
            job: row for job, row in history.jobs.items() if row.state in FINAL or job not in young
        }
        history.unacked = unacked
        findings = check(history)
        recovery, slowest = self._recovery()
        kinds = Counter(finding.kind for finding in findings)
        rows = history.jobs.values()
        return Line(
            name,
            kills=len(self.kills),
            accepted=len(promises),
            jobs=len(rows),
            final=sum(row.state in FINAL for row in rows),
            lost=kinds["lost"],
            stuck=kinds["stuck"],
            doubled=kinds["doubled"],
            wrong=kinds["wrong"],
            held=kinds["held"],
            by_rule=sum(ended_by_losses(row) for row in rows),
            extra_runs=self._extra_runs(),
            recovery=recovery,
            slowest=slowest,
            findings=[f"{f.kind} {f.job_id}: {f.why}" for f in findings],
        )

    def unfinished(self) -> int:
        """Jobs of this line that have not ended, but for the youngest of the schedule."""
        return int(
            self.one(
                "SELECT count(*) FROM windrow.jobs WHERE finished_at IS NULL AND created_at >= %s::timestamptz "
                "AND NOT (task = 'faults.tick' AND created_at > clock_timestamp() - %s * interval '1 second')",
                self.since,
                YOUNG_SECONDS,
            )
        )

    def _young(self) -> set[str]:
        rows = self.rows(
            "SELECT id FROM windrow.jobs WHERE task = 'faults.tick' "
            "AND created_at > clock_timestamp() - %s * interval '1 second'",
            2 * YOUNG_SECONDS,
        )
        return {row[0] for row in rows}

    def _unacked(self, deadline: float) -> list[str]:
        """What stays in the hash of unacknowledged messages; those of the schedule come and go."""
        stays: set[Any] | None = None
        with redis.Redis.from_url(self.redis.url) as client:
            while time.monotonic() < deadline:
                held: Any = client.hkeys(f"unacked:{POOL}")
                stays = set(held) if stays is None else stays & set(held)
                if not stays:
                    return []
                time.sleep(0.1)
        return [tag.decode() for tag in stays or ()]

    def run_lines(self) -> list[str]:
        """A line a run: the job, its task by then, and how often it was retried."""
        return self._runs.read_text().splitlines()

    def _extra_runs(self) -> int:
        lines = self.run_lines()
        return len(lines) - len(set(lines))

    def _recovery(self) -> tuple[float, str]:
        """The worst seconds from a kill until the last job accepted before it had ended, and that job's way."""
        worst = (0.0, "")
        for kill in self.kills:
            rows = self.rows(
                "SELECT extract(epoch FROM finished_at)::float8 - %s, id, task FROM windrow.jobs "
                "WHERE created_at >= %s::timestamptz AND created_at < to_timestamp(%s) AND finished_at IS NOT NULL "
                "ORDER BY finished_at DESC LIMIT 1",
                kill,
                self.since,
                kill,
            )
            if rows and rows[0][0] > worst[0]:
                worst = (rows[0][0], self._way(kill, rows[0][1], rows[0][2]))
        return worst

    def _way(self, kill: float, job_id: str, task: str) -> str:
        moves = self.rows(
            "SELECT new, extract(epoch FROM at)::float8 - %s FROM public.moves WHERE job_id = %s ORDER BY n",
            kill,
            job_id,
        )
        return f"{task} {job_id}: " + ", ".join(f"{state} {seconds:+.1f}" for state, seconds in moves)

    def wait(self, met: Callable[[], object], what: str, seconds: float) -> None:
        """Until `met()`; fails with every log after so many seconds, MIN_WAIT_SECONDS at least: it is no measure."""
        deadline = time.monotonic() + max(seconds, MIN_WAIT_SECONDS)
        while not met():
            if time.monotonic() > deadline:
                logs = "\n".join(f"== {name}\n{self.doors.log(name)[-3000:]}" for name in DOORS)
                raise AssertionError(f"no {what} within {seconds:g} s\n{logs}")
            time.sleep(0.1)

    def one(self, sql: str, *params: object) -> Any:
        """The first column of the first row."""
        return self.rows(sql, *params)[0][0]

    def rows(self, sql: str, *params: object) -> list[Any]:
        """The answer to any SQL, once Postgres answers."""
        # A connection each: Postgres is one of the victims.
        for _ in range(50):
            try:
                with psycopg.connect(self.database_url, autocommit=True, connect_timeout=5) as connection:
                    return connection.execute(sql.encode(), params or None).fetchall()
            except psycopg.OperationalError:
                time.sleep(0.2)
        raise AssertionError("Postgres does not come back")
