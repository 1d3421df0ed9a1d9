"""The ledger in memory, in a few lines: what test_model.py compares the real one with after every step."""

from __future__ import annotations

from dataclasses import dataclass, field

FINAL = {"succeeded", "failed", "cancelled", "expired"}
WAITING = {"scheduled", "blocked", "queued", "retrying"}
HELD = {"claimed", "running"}
MAX_CLAIMS = 10


@dataclass
class Job:
    """What the ledger says of a job; moments in seconds of the model's clock."""

    state: str
    run_at: float | None = None
    expires_at: float | None = None
    worker: str | None = None
    token: int | None = None
    attempt: int = 0
    failures: int = 0
    losses: int = 0
    claims: int = 0
    max_attempts: int = 3
    cancel: bool = False
    attempts: dict[int, str] = field(default_factory=dict)

    def row(self) -> tuple[object, ...]:
        """As the comparison reads it from the ledger."""
        return (
            self.state, self.worker, self.token, self.attempt, self.failures, self.losses, self.claims,
            self.cancel, self.attempts,
        )  # fmt: skip

    def note(self, outcome: str) -> None:
        """Record how the current attempt ended; the first word counts."""
        self.attempts.setdefault(self.attempt, outcome)

    def let_go(self, state: str) -> None:
        """Nobody's any more."""
        self.state, self.worker, self.token = state, None, None

    def is_late(self, now: float) -> bool:
        """Whether its expiry has passed."""
        return self.expires_at is not None and self.expires_at <= now

    def is_due(self, now: float) -> bool:
        """Whether its time has come."""
        return self.run_at is None or self.run_at <= now


@dataclass
class Worker:
    """A lease."""

    lease_until: float
    ended: bool = False


class Model:
    """The same operations as store/, each a few lines."""

    def __init__(self) -> None:
        self.now = 0.0
        self.jobs: dict[str, Job] = {}
        self.workers: dict[str, Worker] = {}

    def accept(self, job_id: str, delay: float | None, expires_in: float | None, max_attempts: int) -> None:
        if job_id not in self.jobs:
            self.jobs[job_id] = Job(
                "scheduled" if delay else "queued",
                self.now + delay if delay else None,
                self.now + expires_in if expires_in else None,
                max_attempts=max_attempts,
            )

    def claim(self, job_id: str, worker: str, token: int) -> bool:
        job = self.jobs[job_id]
        ready = job.state == "queued" or (job.state == "retrying" and job.is_due(self.now))
        if not ready or job.cancel or job.is_late(self.now):
            return False
        job.state, job.worker, job.token = "claimed", worker, token
        job.claims += 1
        return True

    def start(self, job_id: str, token: int) -> bool:
        job = self.jobs[job_id]
        if job.token != token or job.state != "claimed":
            return False
        job.state = "running"
        job.attempt += 1
        return True

    def finish(self, job_id: str, token: int, state: str, outcome: str, counts: bool, delay: float) -> bool:
        job = self.jobs[job_id]
        if job.token != token or job.state not in HELD:
            return False
        job.attempt += job.state == "claimed"
        job.failures += counts
        job.claims = job.losses = 0
        if state == "retrying":
            job.run_at = self.now + delay
        job.let_go("cancelled" if job.cancel and state in ("retrying", "queued") else state)
        job.note(outcome)
        return True

    def give_back(self, job_id: str, worker: str) -> bool:
        job = self.jobs[job_id]
        if job.state != "claimed" or job.worker != worker:
            return False
        job.claims = max(job.claims - 1, 0)
        job.let_go("cancelled" if job.cancel else "queued")
        return True

    def free_stray(self, job_id: str, token: int) -> bool:
        job = self.jobs[job_id]
        if job.token != token or job.state not in HELD:
            return False
        if job.state == "running":
            job.note("lost")
        job.claims = max(job.claims - 1, 0)
        job.let_go("cancelled" if job.cancel else "queued")
        return True

    def rescue(self, worker: str, delay: float) -> None:
        row = self.workers.get(worker)
        if row is None or row.lease_until >= self.now:
            return
        held = [
            j for j in self.jobs.values() if j.worker == worker and j.state in HELD and j.token is not None
        ]
        for job in held:
            started = job.state == "running"
            blamed = started and len(held) == 1
            job.failures += blamed
            job.losses += started and not blamed
            dead = job.claims >= MAX_CLAIMS or (blamed and job.failures >= job.max_attempts)
            failed = dead and not job.cancel
            if started or failed:
                job.attempt += not started
                job.note("lost")
            job.token = None
            if job.cancel or dead:
                continue
            if blamed:
                job.run_at = self.now + delay
            job.let_go("retrying" if blamed else "queued")
        row.ended = True

    def end_doomed(self) -> None:
        for job in self.jobs.values():
            if job.state in HELD and job.token is None:
                job.claims = job.losses = 0
                job.let_go("cancelled" if job.cancel else "failed")

    def cancel(self, job_id: str) -> None:
        job = self.jobs[job_id]
        if job.state in HELD:
            job.cancel = True
        elif job.state in WAITING:
            job.state = "cancelled"

    def retry(self, job_id: str) -> None:
        job = self.jobs[job_id]
        if job.state not in ("failed", "cancelled", "expired", "retrying"):
            return
        if job.state != "retrying":
            job.failures = 0
        if job.is_late(self.now):
            job.expires_at = None
        job.state, job.run_at, job.claims, job.losses, job.cancel = "queued", self.now, 0, 0, False

    def replay(self, job_id: str, new_id: str) -> None:
        old = self.jobs[job_id]
        if old.state in FINAL:
            self.accept(new_id, None, None, old.max_attempts)

    def promote(self) -> None:
        for job in self.jobs.values():
            if job.state in ("scheduled", "retrying") and job.is_due(self.now) and not job.is_late(self.now):
                job.state = "queued"

    def expire(self) -> None:
        for job in self.jobs.values():
            if job.state in WAITING and job.is_late(self.now):
                job.state = "expired"

    def renew(self, worker: str, lease: float) -> bool:
        row = self.workers.get(worker)
        if row is None or row.ended:
            return False
        row.lease_until = self.now + lease
        return True
