"""What happened, as the ledger tells it: the checker's input."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import psycopg

#: Every change of a state, so that a job that left a final state is seen although it reached one again.
AUDIT = """
CREATE TABLE public.moves (n bigserial PRIMARY KEY, job_id text NOT NULL, new text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE FUNCTION public.note_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.moves (job_id, new) VALUES (NEW.id, NEW.state::text);
    RETURN NULL;
END $$;
CREATE TRIGGER note_birth AFTER INSERT ON windrow.jobs FOR EACH ROW EXECUTE FUNCTION public.note_move();
CREATE TRIGGER note_move AFTER UPDATE ON windrow.jobs FOR EACH ROW
    WHEN (OLD.state IS DISTINCT FROM NEW.state OR OLD.finished_at IS DISTINCT FROM NEW.finished_at)
    EXECUTE FUNCTION public.note_move();
"""

FINAL = frozenset({"succeeded", "failed", "cancelled", "expired"})


class Promise(NamedTuple):
    """A job that somebody was told is kept."""

    id: str
    #: The final state that its task leads to.
    state: str
    #: JSON text; None: any.
    result: str | None = None
    #: Jobs that it and what it set free amount to; None: any number.
    family: int | None = None
    #: A tag that no other request had: as many jobs have it as the request was kept.
    tag: str = ""


@dataclass(slots=True)
class JobRow:
    """A job, with everything that was recorded about it."""

    id: str
    task: str
    state: str
    attempt: int = 0
    max_attempts: int = 3
    worker: str | None = None
    token: int | None = None
    root_id: str | None = None
    tags: Sequence[str] = ()
    #: (attempt, outcome, result) in order.
    attempts: Sequence[tuple[int, str, str | None]] = ()
    moves: Sequence[str] = ()


@dataclass(slots=True)
class History:
    """All that is known once everything had time to end."""

    promises: Sequence[Promise]
    jobs: dict[str, JobRow]
    #: Tags of workers that nobody settled: left in the unacked hash.
    unacked: Sequence[str] = ()
    #: Ticks of schedules whose job does not exist.
    empty_ticks: Sequence[str] = ()


def read_history(database_url: str, since: str, promises: Sequence[Promise]) -> History:
    """The jobs that were made since the moment `since`, and their attempts; blocking, one snapshot."""
    jobs: dict[str, JobRow] = {}
    with psycopg.connect(database_url, connect_timeout=10) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        rows = connection.execute(
            "SELECT j.id, task, state::text, attempt, max_attempts, worker, token, root_id, coalesce(p.tags, '{}') "
            "FROM windrow.jobs j JOIN windrow.payloads p ON p.job_id = j.id WHERE created_at >= %s::timestamptz",
            [since],
        )
        for columns in rows:
            jobs[columns[0]] = JobRow(*columns)
        attempts: dict[str, list[tuple[int, str, str | None]]] = defaultdict(list)
        moves: dict[str, list[str]] = defaultdict(list)
        for job_id, *attempt in connection.execute(
            "SELECT job_id, attempt, outcome, result FROM windrow.attempts ORDER BY job_id, attempt"
        ):
            attempts[job_id].append((attempt[0], attempt[1], attempt[2]))
        for job_id, state in connection.execute("SELECT job_id, new FROM public.moves ORDER BY n"):
            moves[job_id].append(state)
        ticks = connection.execute(
            "SELECT t.schedule_id || ' ' || t.fire_at FROM windrow.ticks t "
            "WHERE NOT EXISTS (SELECT FROM windrow.jobs j WHERE j.id = t.job_id)"
        ).fetchall()
    for row in jobs.values():
        row.attempts, row.moves = attempts[row.id], moves[row.id]
    return History(promises, jobs, empty_ticks=[row[0] for row in ticks])
