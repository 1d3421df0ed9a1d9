"""Claims from a ledger full of finished jobs, against claims from an empty one: the worker's own statements."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from tests.bench.measure import Base, Bench, Metric, SideName, Values
from windrow.core.ids import new_id
from windrow.core.job import NewJob, Outcome
from windrow.core.states import State
from windrow.store.accept import accept
from windrow.store.claim import claim
from windrow.store.finish import finish_plain
from windrow.store.ledger import Ledger

#: The naive column is the empty ledger.
CLAIM = Metric("claim_rate_with_history", "jobs/s", True, 0.9)
FINISH = Metric("finish_rate_with_history", "jobs/s", True)
JOBS = 8_000
#: About what a busy worker claims and finishes at a time.
AT_A_TIME = 32
CHUNK = 500_000

# Ids as they are made over the last 30 days: UUIDv7, older first.
_MADE = """
SELECT overlay(overlay(lpad(to_hex(1700000000000 + g), 12, '0') || '7' || substr(md5(g::text), 1, 19)
       placing '-' from 9 for 0) placing '-' from 14 for 0) AS raw, g FROM generate_series(%(first)s, %(last)s) g
"""
_LOAD = f"""
WITH made AS ({_MADE}), ids AS (
    SELECT substr(raw, 1, 18) || '-' || substr(raw, 19, 4) || '-' || substr(raw, 23, 12) AS id, g,
           now() - interval '30 days' + g * interval '1 ms' AS moment FROM made
), job AS (
    INSERT INTO windrow.jobs (id, task, queue, state, attempt, max_attempts, created_at, published_at, started_at,
                              finished_at)
    SELECT id, 'bench.noop', 'bench', 'succeeded', 1, 3, moment, moment, moment, moment FROM ids
), payload AS (
    INSERT INTO windrow.payloads (job_id, input) SELECT id, '[[],{{"x":' || g || '}}]' FROM ids
)
INSERT INTO windrow.attempts (job_id, attempt, outcome, task, queue, worker, due_at, started_at, finished_at, result)
SELECT id, 1, 'succeeded', 'bench.noop', 'bench', 'w-1', moment, moment, moment, g::text FROM ids
"""


class History(Base):
    """See the module."""

    def __init__(self) -> None:
        super().__init__("claim_rate_with_history", (CLAIM, FINISH))
        self._urls: dict[SideName, str] = {}

    @contextmanager
    def around(self, bench: Bench) -> Iterator[None]:
        databases = bench.servers.databases
        self._urls = {"naive": databases.create(), "windrow": databases.create()}
        fill_history(self._urls["windrow"], bench.history)
        yield
        for url in self._urls.values():
            databases.drop(url)

    def round(self, bench: Bench, side: SideName) -> Values:
        ledger = Ledger(self._urls[side], prepare=True)
        try:
            jobs = [NewJob(new_id(), "bench.noop", "bench") for _ in range(JOBS)]
            for at in range(0, JOBS, 1_000):
                ledger.run(accept, jobs[at : at + 1_000])
            ids = [job.id for job in jobs]
            parts = [ids[at : at + AT_A_TIME] for at in range(0, JOBS, AT_A_TIME)]
            began = time.perf_counter()
            held = [
                job for token, part in enumerate(parts) for job in ledger.run(claim, part, "bench", token)
            ]
            claimed = time.perf_counter()
            assert len(held) == JOBS
            done = [Outcome(job.id, job.token, State.SUCCEEDED, "succeeded", result="1") for job in held]
            between = time.perf_counter()
            for at in range(0, JOBS, AT_A_TIME):
                ledger.run(finish_plain, done[at : at + AT_A_TIME], "bench")
            ended = time.perf_counter()
        finally:
            ledger.close()
        return {CLAIM.name: {"": JOBS / (claimed - began)}, FINISH.name: {"": JOBS / (ended - between)}}


def fill_history(url: str, jobs: int) -> None:
    """Load that many finished jobs with their payloads and attempts, and let Postgres settle."""
    with psycopg.connect(url, autocommit=True) as connection:
        for first in range(1, jobs + 1, CHUNK):
            connection.execute(_LOAD, {"first": first, "last": min(jobs, first + CHUNK - 1)})
        for table in ("jobs", "payloads", "attempts"):
            connection.execute(f"VACUUM (ANALYZE) windrow.{table}")
        connection.execute("CHECKPOINT")
