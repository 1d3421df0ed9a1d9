"""The ledger and a model of it in memory agree after every step, whatever comes in whatever order.

The steps are hypothesis' choice, the same in every run unless WINDROW_MODEL_EXAMPLES asks for more of them. The clock
is the database's and cannot be set, so a jump moves every moment in the ledger into the past.
"""

from __future__ import annotations

import os
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from tests.integration.store.conftest import Book
from tests.integration.store.model import Model, Worker
from windrow.core.job import NewJob, Outcome
from windrow.core.states import State
from windrow.store.accept import accept
from windrow.store.claim import Start, claim, give_back, start
from windrow.store.control import cancel, replay, retry
from windrow.store.expire import expire
from windrow.store.finish import finish, finish_plain, is_plain
from windrow.store.op import Op
from windrow.store.promote import promote
from windrow.store.queues import pause, resume
from windrow.store.relay import send, unsend, unsent_queues
from windrow.store.rescue import doomed, end, rescue
from windrow.store.strays import free_strays
from windrow.store.workers import WorkerRow, register, renew

BY_HAND = "WINDROW_MODEL_EXAMPLES" in os.environ
EXAMPLES = int(os.environ.get("WINDROW_MODEL_EXAMPLES", "60"))
STEPS = 40
#: So long that what a test takes is nothing beside it.
HOUR = 3600.0
LEASE = HOUR
WORKERS = ("w1", "w2", "w3")
ENDS = {
    "succeeded": (State.SUCCEEDED, False),
    "failed": (State.FAILED, True),
    "retried": (State.RETRYING, True),
    "released": (State.QUEUED, False),
    "cancelled": (State.CANCELLED, False),
}
TABLES = "jobs, payloads, attempts, workers, queues, stats_deltas, chords, chord_parts, guards"
workers = st.sampled_from(WORKERS)


class Outage(Exception):
    """The connection is gone before the commit."""


class LedgerMachine(RuleBasedStateMachine):
    """Every operation on both, and the same answer of both."""

    jobs: Bundle[str] = Bundle("jobs")
    #: (job, token) of every claim there ever was: the late among them are the interesting ones.
    claims: Bundle[tuple[str, int]] = Bundle("claims")

    def __init__(self, book: Book) -> None:
        super().__init__()
        self.book, self.model = book, Model()
        self.numbers = iter(range(1, 10**6))
        self.paused = False
        book.sql.execute(f"TRUNCATE {', '.join('windrow.' + table for table in TABLES.split(', '))}".encode())

    def run(self, op: Any, *args: Any) -> Any:
        return self.book.ledger.run(op, *args)

    @rule(
        target=jobs,
        delay=st.sampled_from([None, None, None, HOUR]),
        expires=st.sampled_from([None, None, HOUR * 2]),
        attempts=st.integers(1, 3),
    )
    def submit(self, delay: float | None, expires: float | None, attempts: int) -> str:
        job_id = f"j{next(self.numbers):06}"
        job = NewJob(job_id, "t", "q", delay=delay, expires_in=expires, max_attempts=attempts)
        # Twice is once.
        self.run(accept, [job, job])
        self.run(accept, [job])
        self.model.accept(job_id, delay, expires, attempts)
        return job_id

    @rule(target=claims, ids=st.lists(jobs, min_size=1, max_size=4, unique=True), worker=workers)
    def claim(self, ids: list[str], worker: str) -> Any:
        token = next(self.numbers)
        free = [] if self.paused else ids
        expected = {job_id for job_id in free if self.model.claim(job_id, worker, token)}
        assert {held.id for held in self.run(claim, ids, worker, token)} == expected
        # Its answer was lost: asked again it finds the same jobs.
        assert {held.id for held in self.run(claim, ids, worker, token)} == expected
        return multiple(*((job_id, token) for job_id in sorted(expected)))

    @rule(claim=claims)
    def start(self, claim: tuple[str, int]) -> None:
        began = self.model.start(*claim)
        assert self.run(start, [Start(*claim, 0.0)]) == ([claim[0]] if began else [])

    @rule(claim=claims, how=st.sampled_from(sorted(ENDS)), frees=st.booleans(), lost=st.booleans())
    def finish(self, claim: tuple[str, int], how: str, frees: bool, lost: bool) -> None:
        (job_id, token), (state, counts) = claim, ENDS[how]
        now = time.monotonic()
        # A continuation has a frozen id: whoever finishes the job names the same one.
        child = NewJob(f"{job_id}.next", "t", "q")
        frees = frees and state is State.SUCCEEDED
        outcome = Outcome(
            job_id, token, state, how, started_at=now, finished_at=now, counts=counts,
            delay=HOUR if state is State.RETRYING else None, jobs=(child,) if frees else (),
        )  # fmt: skip
        op = finish_plain if is_plain(outcome) else finish
        if lost:
            self.outage(op, [outcome], "w")
        saved = self.model.finish(job_id, token, state.value, how, counts, HOUR)
        if saved and frees:
            self.model.accept(child.id, None, None, 3)
        assert self.run(op, [outcome], "w").ids == ({job_id} if saved else set())

    @rule(target=claims, job_id=jobs, begun=st.booleans(), how=st.sampled_from(sorted(ENDS)))
    def taken_over(self, job_id: str, begun: bool, how: str) -> Any:
        """A worker gives a job back and finishes it all the same, while another one has it."""
        first = self.claim([job_id], "w1")
        if self.model.jobs[job_id].worker != "w1" or self.model.jobs[job_id].state != "claimed":
            return first
        old = (job_id, self.model.jobs[job_id].token or 0)
        self.give_back(job_id, "w1")
        second = self.claim([job_id], "w2")
        if begun and self.model.jobs[job_id].token is not None:
            self.start((job_id, self.model.jobs[job_id].token or 0))
        self.finish(old, how, False, False)
        return second

    def outage(self, op: Any, *args: Any) -> None:
        """All of its statements, and no commit."""

        def broken(*args: Any) -> Op[Any]:
            yield from op(*args)
            raise Outage

        with pytest.raises(Outage):
            self.run(broken, *args)

    @rule(job_id=jobs, worker=workers)
    def give_back(self, job_id: str, worker: str) -> None:
        gave = self.model.give_back(job_id, worker)
        answer = self.run(give_back, [job_id], worker)
        assert bool(answer.queued or answer.ended) == gave

    @rule(claim=claims)
    def free_stray(self, claim: tuple[str, int]) -> None:
        freed = self.model.free_stray(*claim)
        answer = self.run(free_strays, [claim], "as ordered")
        assert bool(answer.queued or answer.ended) == freed

    @rule(worker=workers)
    def renew(self, worker: str) -> None:
        held = [
            (i, j.token) for i, j in self.model.jobs.items() if j.worker == worker and j.token is not None
        ]
        known, unknown = held[::2], held[1::2]
        alive = self.model.renew(worker, LEASE)
        answer = self.run(renew, worker, LEASE, 0, False, [*known, ("nothing", 1)])
        assert answer.alive == alive
        assert answer.lost == ["nothing"]
        assert sorted(answer.strays) == sorted(unknown)
        assert sorted(answer.cancelled) == sorted(i for i, _ in known if self.model.jobs[i].cancel)
        if not alive:
            self.run(register, WorkerRow(worker, worker, "p", "prefork", ["q"], 1, "1", "h", 1), LEASE)
            self.model.workers[worker] = Worker(self.model.now + LEASE)

    @rule(hours=st.integers(1, 3))
    def jump(self, hours: int) -> None:
        seconds = hours * HOUR + 60
        self.model.now += seconds
        for table, columns in (
            ("jobs", ("run_at", "expires_at", "created_at", "started_at", "published_at", "finished_at")),
            ("workers", ("lease_until", "renewed_at")),
        ):
            moved = ", ".join(f"{column} = {column} - interval '{seconds} s'" for column in columns)
            self.book.sql.execute(f"UPDATE windrow.{table} SET {moved}".encode())

    @rule(worker=workers, lost=st.booleans())
    def rescue(self, worker: str, lost: bool) -> None:
        if lost:
            self.outage(rescue, worker, 2 * LEASE, lambda job: HOUR)
        self.model.rescue(worker, HOUR)
        self.run(rescue, worker, 2 * LEASE, lambda job: HOUR)

    @rule(worker=workers)
    def rescue_by_one_that_has_not_watched_for_a_lease(self, worker: str) -> None:
        assert self.run(rescue, worker, LEASE / 2, lambda job: HOUR).queued == []

    @rule()
    def end_doomed(self) -> None:
        self.model.end_doomed()
        for job_id in self.run(doomed, 100):
            self.run(end, job_id)

    @rule(job_id=jobs)
    def cancel(self, job_id: str) -> None:
        self.model.cancel(job_id)
        self.run(cancel, [job_id])

    @rule(job_id=jobs)
    def retry(self, job_id: str) -> None:
        self.model.retry(job_id)
        self.run(retry, job_id)

    @rule(target=jobs, job_id=jobs)
    def replay(self, job_id: str) -> Any:
        new_id = f"j{next(self.numbers):06}"
        self.model.replay(job_id, new_id)
        self.run(replay, job_id, new_id)
        return new_id if new_id in self.model.jobs else multiple()

    @rule()
    def promote(self) -> None:
        self.model.promote()
        self.run(promote, 100)

    @rule()
    def expire(self) -> None:
        self.model.expire()
        self.run(expire, 100)

    @rule()
    def pause(self) -> None:
        self.run(pause, "q")
        self.run(unsend, "q")
        self.paused = True
        assert self.run(unsent_queues) == []

    @rule()
    def resume_and_relay(self) -> None:
        self.run(resume, "q")
        self.paused = False
        for queue in self.run(unsent_queues):
            self.run(send, queue, 0, 9, 100)
        assert self.run(unsent_queues) == []

    @invariant()
    def agree(self) -> None:
        rows = self.book.sql.execute(
            "SELECT j.id, state::text, worker, token, attempt, failures, losses, claims, cancel_requested, "
            "(SELECT coalesce(jsonb_object_agg(a.attempt, a.outcome), '{}') FROM windrow.attempts a "
            " WHERE a.job_id = j.id), finished_at IS NOT NULL FROM windrow.jobs j"
        ).fetchall()
        ledger = {row[0]: (*row[1:-2], {int(number): how for number, how in row[-2].items()}) for row in rows}
        assert ledger == {job_id: job.row() for job_id, job in self.model.jobs.items()}
        assert {row[0] for row in rows if row[-1]} == {
            job_id for job_id, job in self.model.jobs.items() if State(job.state).is_final
        }


@pytest.mark.timeout(600)
def test_the_ledger_and_its_model_agree_after_every_step(book: Book) -> None:
    # The derandomized choice of steps is the same in every run: a failure is not one of chance.
    machine: Any = lambda: LedgerMachine(book)  # noqa: E731 - hypothesis takes a class or whatever makes one
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=not BY_HAND,
            database=None,
            # The shortest failing steps take minutes to find: for whoever asks.
            phases=tuple(Phase) if BY_HAND else (Phase.explicit, Phase.generate),
            suppress_health_check=list(HealthCheck),
        ),
    )
