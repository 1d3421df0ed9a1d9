"""What the routes for summaries do: the ledger's jobs and the app's rows, seen as one."""

import time
from collections.abc import Sequence
from typing import Any, Literal, cast

from windrow.apps import Job, Jobs, State
from windrow_apps.shared.database import Database
from windrow_apps.summaries import replies
from windrow_apps.summaries.gate import breaker_state
from windrow_apps.summaries.job_ids import article_of, candidates, first_free
from windrow_apps.summaries.models import (
    Budget,
    Enqueued,
    ProviderView,
    QueueView,
    SummaryStatus,
    SummaryView,
)
from windrow_apps.summaries.settings import Provider, SummariesSettings
from windrow_apps.summaries.store import articles, providers, summaries

TASK = "summaries.summarize"
#: Ids that are tried for a new job: one a second, so that this many may be asked for at once for one article.
TRIES = 20
#: Rows that are looked at for jobs that ended without their task's word, and the seconds before they are.
LOOKED_AT = 200
OLD_SECONDS = 30.0
_SHOWN: dict[State, SummaryStatus] = {State.SUCCEEDED: "OK", State.FAILED: "FAILED"}
_LOST = {State.FAILED, State.CANCELLED, State.EXPIRED}


class Service:
    """Asks for summaries and tells where they are. Raises LedgerUnavailable when PostgreSQL is away."""

    def __init__(self, jobs: Jobs, database: Database, settings: SummariesSettings) -> None:
        self._jobs = jobs
        self._database = database
        self._settings = settings

    async def enqueue(self, article_id: int, priority: int | None, job_id: str | None) -> Enqueued:
        """A job for a summary; with `job_id` of the caller's own the same one each time."""
        if job_id is not None and article_of(job_id) != article_id:
            raise replies.conflict(f"{job_id} names another article than {article_id}")
        await self._check([article_id])
        own = job_id or (await self._free_ids([article_id]))[0]
        job = await self._jobs.submit(TASK, kwargs={"article_id": article_id}, priority=priority, job_id=own)
        return (await self._noted([job], [article_id]))[0]

    async def enqueue_many(self, ids: Sequence[int], priority: int | None) -> list[Enqueued]:
        """A job for each article, each once, in the order of `ids`; none when one of them does not exist."""
        wanted = list(dict.fromkeys(ids))
        await self._check(wanted)
        inputs = [{"article_id": article_id} for article_id in wanted]
        own = await self._free_ids(wanted)
        jobs = await self._jobs.submit_many(TASK, inputs, priority=priority, job_ids=own)
        return await self._noted(jobs, wanted)

    async def state(self, job_id: str) -> SummaryView:
        """A summary and its job, as one."""
        job = await self._jobs.get(job_id)
        async with self._database.connection() as connection:
            row = await summaries.get(connection, job_id)
            if (
                job is not None
                and job.task == TASK
                and job.state in _LOST
                and row
                and row["status"] == "PENDING"
            ):
                await summaries.fail_many(connection, {job_id: _why(job)})
                row = await summaries.get(connection, job_id)
        article_id = article_of(job_id)
        if article_id is None or (row is None and (job is None or job.task != TASK)):
            raise replies.unknown(f"There is no summarization job {job_id}")
        if row is not None:
            state = _celery_state(row) if job is None else job.celery_state
            return SummaryView(
                state=state, **{name: row[name] for name in SummaryView.model_fields if name in row}
            )
        assert job is not None
        # Kept in the ledger, and this process ended before it noted it here.
        return SummaryView(
            job_id=job_id,
            article_id=article_id,
            status=_SHOWN.get(job.state, "PENDING"),
            state=job.celery_state,
            error=job.error,
            created_at=job.created_at,
        )

    async def queue_info(self) -> QueueView:
        """All of it in numbers; jobs that ended without their task's word are counted as failed from now on."""
        await self._settle()
        names = [provider.name for provider in self._settings.providers]
        async with self._database.transaction(snapshot=True) as connection:
            counts = await summaries.counts(connection)
            calls = await providers.calls(connection)
            used = await providers.used_today(connection)
            known = await providers.shown(connection, names)
        daily = self._settings.daily_tokens
        return QueueView(
            **counts,
            by_provider=calls,
            budget=Budget(daily=daily, used=used, left=max(0, daily - used) if daily else None),
            providers=[self._provider(each, known.get(each.name, {})) for each in self._settings.providers],
        )

    async def _check(self, ids: Sequence[int]) -> None:
        async with self._database.connection() as connection:
            known = await articles.known(connection, ids)
        missing = [each for each in ids if each not in known]
        if missing:
            more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
            raise replies.unknown(f"There is no article {', '.join(map(str, missing[:5]))}{more}")

    async def _free_ids(self, ids: Sequence[int]) -> list[str]:
        second = int(time.time())
        wanted = {each: candidates(each, second, 1) for each in ids}
        taken = await self._jobs.get_many([own for each in wanted.values() for own in each])
        if taken:
            wanted = {each: candidates(each, second, TRIES) for each in ids}
            taken = await self._jobs.get_many([own for each in wanted.values() for own in each])
        # All of them taken: the job of the last one is a moment old, and as good as a new one.
        return [first_free(wanted[each], taken) or wanted[each][-1] for each in ids]

    async def _noted(self, jobs: Sequence[Job], ids: Sequence[int]) -> list[Enqueued]:
        for job, article_id in zip(jobs, ids, strict=True):
            if job.task != TASK or article_of(job.id) != article_id:
                raise replies.conflict(f"{job.id} is another task's job")
        async with self._database.connection() as connection:
            await summaries.put(connection, {job.id: each for job, each in zip(jobs, ids, strict=True)})
        return [
            Enqueued(job_id=job.id, article_id=each, status=_SHOWN.get(job.state, "PENDING"))
            for job, each in zip(jobs, ids, strict=True)
        ]

    async def _settle(self) -> None:
        async with self._database.connection() as connection:
            old = await summaries.oldest(connection, OLD_SECONDS, LOOKED_AT)
        if not old:
            return
        jobs = await self._jobs.get_many(old)
        lost = {job.id: _why(job) for job in jobs.values() if job.state in _LOST}
        lost |= {each: "its job is not in the ledger any more" for each in old if each not in jobs}
        if lost:
            async with self._database.connection() as connection:
                await summaries.fail_many(connection, lost)

    def _provider(self, provider: Provider, row: dict[str, Any]) -> ProviderView:
        failures = row.get("failures", 0)
        state = breaker_state(failures, row.get("open_for"), self._settings.breaker_failures)
        return ProviderView(
            name=provider.name,
            model=provider.model or None,
            breaker=cast(Literal["closed", "open", "half_open"], state),
            open_for=round(max(0.0, row.get("open_for") or 0), 1),
            blocked_for=round(max(0.0, row.get("blocked_for") or 0), 1),
            failures_in_a_row=failures,
        )


def _celery_state(row: dict[str, Any]) -> str:
    # The ledger forgets finished jobs before this app does.
    return {"OK": "SUCCESS", "FAILED": "FAILURE"}.get(row["status"], "PENDING")


def _why(job: Job) -> str:
    return job.error or f"its job was {job.state}"
