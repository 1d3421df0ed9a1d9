"""Rescue: free the jobs of workers whose lease lapsed while Postgres was there to renew it."""

from __future__ import annotations

import json
from collections import Counter

from windrow.beat.chores.chore import Pass, Tools
from windrow.beat.chores.post import as_sent, post
from windrow.beat.chores.quarantine import Quarantine
from windrow.beat.chores.watch import Watch
from windrow.broker.errors import BrokerUnavailable
from windrow.core.blame import LostJob
from windrow.core.errors import LedgerUnavailable
from windrow.core.retry import Backoff
from windrow.store.rescue import doomed, end, forgotten, glance, held, lapsed, rescue, unforgotten

#: Tries to end a job with all that follows from it, before it is ended without.
_MAX_TRIES = 3


class Rescue:
    """claimed, running -> queued, retrying, failed or cancelled, when the worker is dead."""

    name = "rescue"

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._watch = Watch(tools.settings.rescue_gap_seconds)
        self._bad = Quarantine(tools.settings.quarantine_seconds)
        self._tries: Counter[str] = Counter()

    def run(self) -> Pass:
        settings, run = self._tools.settings, self._tools.ledgers.run
        try:
            watched = self._watch.see(run(glance))
            done = sum(
                self._rescue(worker, watched) for worker in run(lapsed, watched, settings.lease_seconds)
            )
            done += sum(self._end(job_id) for job_id in run(doomed, 100))
        except LedgerUnavailable:
            self._watch.reset()
            raise
        errors = self._bad.errors()
        try:
            self._forget()
        except BrokerUnavailable as exc:
            # Not a failed pass: its back-off would look like an outage of Postgres to the watch.
            errors.append(f"dead workers' tags stay for now: {exc}")
        return Pass(done, settings.rescue_seconds, errors)

    def _forget(self) -> None:
        """Orphans in the unacked hash keep pods alive, and hide lost messages."""
        for pool, worker in self._tools.ledgers.run(unforgotten):
            self._tools.depth.forget_worker(pool, worker)
            self._tools.ledgers.run(forgotten, worker)

    def _rescue(self, worker: str, watched: float) -> int:
        run = self._tools.ledgers.run

        jobs = run(held, worker)
        skip = set(self._bad.skip)
        results = []
        if not skip.intersection(jobs):
            results = self._bad.run(
                lambda _: run(rescue, worker, watched, _delay),
                lambda _: jobs,
                lambda job_id: run(rescue, worker, watched, _delay, (job_id, len(jobs))),
            )
        sent = [job for result in results for job in result.queued]
        retrying = sum(result.retrying for result in results)
        post(self._tools, sent)
        if retrying:
            self._tools.wake("promote")
        return len(sent) + retrying

    def _end(self, job_id: str) -> int:
        run = self._tools.ledgers.run
        self._tries[job_id] += 1
        try:
            ended = run(end, job_id, self._tries[job_id] <= _MAX_TRIES)
        except LedgerUnavailable:
            raise
        except Exception as exc:
            self._bad.put(job_id, exc)
            return 0
        del self._tries[job_id]
        if ended.done:
            post(self._tools, as_sent(ended.queued), [job_id, *ended.ended])
        return int(ended.done)


def _delay(job: LostJob) -> float:
    """Seconds until the next attempt, by the job's own back-off."""
    try:
        wish = (json.loads(job.options) if job.options else {}).get("retry") or {}
        backoff = Backoff(**{name: float(wish[name]) for name in ("base", "factor", "cap") if name in wish})
    except (ValueError, TypeError, AttributeError):
        backoff = Backoff()
    return backoff.delay(job.failures + 1)
