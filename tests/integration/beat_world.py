"""What the tests of beat share: a ledger, a Redis, and short words for what workers and callers do to them."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from typing import Any

import psycopg
import redis

from windrow.beat.chores.crew import Crew
from windrow.beat.settings import BeatSettings
from windrow.broker.keys import BEAT_CHANNEL, unacked_key
from windrow.core.job import NewJob
from windrow.store.accept import accept
from windrow.store.claim import Start, claim, start
from windrow.store.ledger import Ledger
from windrow.store.workers import WorkerRow, register

#: Times at about a twentieth of the defaults.
FAST: dict[str, Any] = {
    "apps": "",
    "lease_seconds": 0.75,
    "tick_seconds": 0.1,
    "promote_seconds": 1.0,
    "relay_seconds": 0.05,
    "settle_after_seconds": 1.5,
    "settle_every_seconds": 1.5,
    "settle_seconds": 0.1,
    "rescue_seconds": 0.05,
    "rescue_gap_seconds": 0.5,
    "expire_seconds": 0.05,
    "fold_seconds": 0.1,
    "retain_seconds": 0.1,
    "record_seconds": 0.1,
    "failure_seconds": 0.2,
    "quarantine_seconds": 5.0,
    "schedule_retry_seconds": 0.5,
    "stop_seconds": 10.0,
}


class World:
    """One database and one Redis."""

    def __init__(self, database_url: str, redis_url: str) -> None:
        self.database_url = database_url
        self.redis_url = redis_url
        self.ledger = Ledger(database_url)
        self.sql = psycopg.connect(database_url, autocommit=True, connect_timeout=5)
        self.redis: Any = redis.Redis.from_url(redis_url, decode_responses=True, socket_timeout=5)
        self._tokens = itertools.count(1)
        self._crews: list[Crew] = []

    def settings(self, **changes: Any) -> BeatSettings:
        return BeatSettings(
            **{"database_url": self.database_url, "redis_url": self.redis_url, **FAST, **changes}
        )

    def crew(self, **changes: Any) -> Crew:
        """A beat's chores, not started: for running one by hand."""
        crew = Crew(self.settings(**changes))
        self._crews.append(crew)
        return crew

    def start(self, **changes: Any) -> Crew:
        crew = self.crew(**changes)
        crew.start()
        return crew

    def close(self) -> None:
        stopped = [crew.stop() for crew in self._crews]
        for crew in self._crews:
            crew.close()
        self.ledger.close()
        self.sql.close()
        self.redis.close()
        assert all(stopped)

    def accept(self, *ids: str, published: bool = False, **fields: Any) -> None:
        given = {"task": "t", "queue": "q", **fields}
        self.ledger.run(accept, [NewJob(id=job_id, **given) for job_id in ids], published)

    def worker(self, worker: str, lease: float = 0.75, pool: str = "default") -> None:
        self.ledger.run(register, WorkerRow(worker, worker, pool, "prefork", ["q"], 4, "1", "host", 1), lease)

    def claim(self, worker: str, *ids: str, started: Sequence[str] = ()) -> int:
        """The token of the claim."""
        token = next(self._tokens)
        held = self.ledger.run(claim, ids, worker, token)
        assert {job.id for job in held} == set(ids)
        if started:
            assert set(self.ledger.run(start, [Start(job_id, token, 0.0) for job_id in started])) == set(
                started
            )
        return token

    def hold(self, worker: str, job_id: str, pool: str = "default", queue: str = "q") -> None:
        """A message of the job in the unacked hash, as if `worker` had taken it."""
        self.redis.hset(unacked_key(pool), f"{worker}:1{job_id}", f'{queue}\n{{"id":"{job_id}","task":"t"}}')

    def signal(self, payload: str) -> None:
        self.redis.publish(BEAT_CHANNEL, payload)

    def job(self, job_id: str, *columns: str) -> Any:
        """One column's value, or a tuple of several."""
        row = self.sql.execute(
            f"SELECT {', '.join(columns)} FROM windrow.jobs WHERE id = %s",
            [job_id],
        ).fetchone()
        return row[0] if row is not None and len(columns) == 1 else row

    def state(self, job_id: str) -> str | None:
        found: str | None = self.job(job_id, "state")
        return found

    def states(self) -> dict[str, int]:
        return dict(self.sql.execute("SELECT state, count(*) FROM windrow.jobs GROUP BY state").fetchall())

    def value(self, statement: str, *params: object) -> Any:
        row = self.sql.execute(statement, params).fetchone()
        return None if row is None else row[0]

    def messages(self, queue: str = "q") -> list[str]:
        """Ids waiting in all lists of the queue, the next one first, highest step first."""
        names = [f"{queue}:9", f"{queue}:6", f"{queue}:3", queue]
        texts = [text for name in names for text in reversed(self.redis.lrange(name, 0, -1))]
        return [text.split('"')[3] for text in texts]

    def poison(self, job_id: str) -> None:
        """Let every change of one job's row fail, as only a bug or a broken index would."""
        self.sql.execute(
            """
            CREATE FUNCTION windrow.refuse() RETURNS trigger LANGUAGE plpgsql
            AS $$ BEGIN RAISE EXCEPTION 'poison %', OLD.id; END $$
            """
        )
        self.sql.execute(
            "CREATE TRIGGER refuse BEFORE UPDATE OR DELETE ON windrow.jobs FOR EACH ROW "
            f"WHEN (OLD.id = '{job_id}') EXECUTE FUNCTION windrow.refuse()"
        )

    def lapse(self, worker: str) -> None:
        """Let a lease have run out."""
        self.sql.execute(
            "UPDATE windrow.workers SET lease_until = clock_timestamp() - interval '1 s', "
            "renewed_at = clock_timestamp() - interval '1.75 s' WHERE id = %s",
            [worker],
        )


def wait_until(met: Callable[[], object], timeout: float = 15.0) -> None:
    """Until `met()` is true; fails after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not met():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)
