"""Keep jobs: many requests share one commit, and only after it are they answered."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from windrow.api.catalog import Catalog
from windrow.api.metrics import Metrics
from windrow.api.outbox import PROMOTE, Outbox
from windrow.broker.message import Message
from windrow.core.coalescer import Coalescer
from windrow.core.job import NewJob
from windrow.core.states import State
from windrow.store.accept import Accepted, accept, on_disk
from windrow.store.async_ledger import AsyncLedger
from windrow.store.bad_row import is_bad_row
from windrow.store.guards import Guarded, Verdict, accept_guarded

#: While one batch waits for the disk, the next one is under way.
PARALLEL = 2


class Acceptor:
    """Commits jobs in batches of what came in meanwhile, then hands their messages to the outbox."""

    def __init__(
        self,
        ledger: AsyncLedger,
        catalog: Catalog,
        outbox: Outbox,
        metrics: Metrics,
        max_batch: int,
        max_pending: int,
    ) -> None:
        self._ledger = ledger
        self._catalog = catalog
        self._outbox = outbox
        self._metrics = metrics
        self._plain: Coalescer[NewJob, Accepted] = Coalescer(
            self._flush, max_batch, max_pending, parallel=PARALLEL, splits=is_bad_row
        )
        self._early: Coalescer[NewJob, Accepted] = Coalescer(
            self._flush_lazily, max_batch, max_pending, parallel=PARALLEL, splits=is_bad_row
        )
        self._kept: Coalescer[NewJob, None] = Coalescer(
            self._bring_to_disk, max_batch, max_pending, parallel=PARALLEL
        )
        self._guarded: Coalescer[Guarded, Verdict] = Coalescer(
            self._flush_guarded, max_batch, max_pending, splits=is_bad_row
        )

    async def accept(self, job: NewJob) -> Accepted:
        """Commit one job. Raises LedgerUnavailable, CoalescerFull, or Postgres' refusal of its data."""
        return await self._plain.submit(job)

    async def accept_early(self, job: NewJob) -> Accepted:
        """Commit one job and send its message, without the disk: nobody may be told before `keep`, or its end."""
        return await self._early.submit(job)

    async def keep(self, job: NewJob) -> None:
        """What `accept_early` left: the job is on the disk. Raises LedgerUnavailable, CoalescerFull."""
        await self._kept.submit(job)

    async def accept_many(self, jobs: Sequence[NewJob]) -> list[Accepted | Exception]:
        """Commit many at once; an outcome for each, in order."""
        return await self._plain.submit_many(jobs)

    async def accept_guarded(self, job: Guarded) -> Verdict:
        """Commit a job unless one of its names is taken."""
        return await self._guarded.submit(job)

    async def accept_guarded_many(self, jobs: Sequence[Guarded]) -> list[Verdict | Exception]:
        """The same for many."""
        return await self._guarded.submit_many(jobs)

    def sendable(self, queue: str, priority: int) -> bool:
        """Whether a message for the queue should be sent now; else the job is the relay's."""
        return queue not in self._catalog.paused and self._outbox.takes(queue, priority)

    def announce(self, jobs: Sequence[tuple[NewJob, State]], published: bool) -> None:
        """Send the messages of committed jobs that wait for a worker, and wake promote for later ones."""
        self._metrics.accepted.inc(len(jobs))
        messages = [
            Message(job.id, job.task, job.queue, job.priority)
            for job, state in jobs
            if published and state is State.QUEUED
        ]
        later = any(state is State.SCHEDULED for _, state in jobs)
        if messages or later:
            self._outbox.send(messages, signals=[PROMOTE] if later else ())

    async def close(self) -> None:
        """Commit what waits and take no more."""
        await self._plain.close()
        await self._early.close()
        await self._kept.close()
        await self._guarded.close()

    async def _flush(self, jobs: list[NewJob]) -> list[Accepted]:
        if len(jobs) > 1 or not self._goes_at_once(jobs[0]):
            return await self._flush_with(jobs, lazily=False)
        # It came alone: a worker may begin on it while the disk is at work; its caller waits for the disk.
        accepted = await self._flush_with(jobs, lazily=True)
        # The message first: it is on its way when the outbox has had its turn.
        await asyncio.sleep(0)
        await self.keep(jobs[0])
        return accepted

    async def _flush_lazily(self, jobs: list[NewJob]) -> list[Accepted]:
        return await self._flush_with(jobs, lazily=True)

    async def _bring_to_disk(self, jobs: list[NewJob]) -> list[None]:
        there = await self._ledger.run(on_disk, [job.id for job in jobs])
        if lost := [job for job in jobs if job.id not in there]:
            # Another Postgres answers, or the same one after a crash, and does not know them.
            await self._flush_with(lost, lazily=False)
        return [None] * len(jobs)

    def _goes_at_once(self, job: NewJob) -> bool:
        due = job.run_at is None and job.delay is None and not job.blocked
        return due and self.sendable(job.queue, job.priority)

    async def _flush_with(self, jobs: list[NewJob], lazily: bool) -> list[Accepted]:
        held = [job for job in jobs if not self.sendable(job.queue, job.priority)]
        if not held:
            return await self._accept(jobs, published=True, lazily=lazily)
        ids = {job.id for job in held}
        now = [job for job in jobs if job.id not in ids]
        accepted = await self._accept(held, published=False, lazily=lazily)
        if now:
            accepted += await self._accept(now, published=True, lazily=lazily)
        by_id = {a.id: a for a in accepted}
        return [by_id[job.id] for job in jobs]

    async def _accept(self, jobs: Sequence[NewJob], published: bool, lazily: bool = False) -> list[Accepted]:
        accepted = await self._ledger.run(accept, jobs, published, lazily)
        self.announce(
            [(job, a.state) for job, a in zip(jobs, accepted, strict=True) if a.inserted], published
        )
        return accepted

    async def _flush_guarded(self, jobs: list[Guarded]) -> list[Verdict]:
        # All of them in one transaction: of two with the same name the first one must win.
        published = all(self.sendable(g.job.queue, g.job.priority) for g in jobs)
        verdicts = await self._ledger.run(accept_guarded, jobs, published)
        kept = [(g.job, v.state) for g, v in zip(jobs, verdicts, strict=True) if v.outcome == "inserted"]
        self.announce(kept, published)
        return verdicts
