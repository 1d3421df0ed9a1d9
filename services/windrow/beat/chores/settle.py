"""Settle: find the messages that the broker lost. Not gated by depth: cancelled messages must not hide a lost one."""

from __future__ import annotations

from windrow.beat.chores.chore import Pass, Tools
from windrow.beat.chores.post import post
from windrow.broker.errors import BrokerUnavailable
from windrow.broker.keys import step_of
from windrow.core.errors import LedgerUnavailable
from windrow.store.lost_messages import begin_settle, pools, resend, sent_by_priority, stale
from windrow.store.workers import living as alive

_BATCH = 500


class Settle:
    """queued with a lost message -> queued with a new one."""

    name = "settle"

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def run(self) -> Pass:
        settings, run = self._tools.settings, self._tools.ledgers.run
        # Does the broker answer? A queue that was begun counts as settled for a while.
        self._tools.depth.ping()
        self._forget_unknown()
        done, errors = 0, []
        for queue in run(begin_settle, settings.settle_after_seconds, settings.settle_every_seconds):
            try:
                done += self._settle(queue)
            except (LedgerUnavailable, BrokerUnavailable):
                raise
            except Exception as exc:
                errors.append(f"queue {queue}: {type(exc).__name__}: {exc}")
        return Pass(done, settings.settle_seconds, errors)

    def _forget_unknown(self) -> None:
        """What workers hold who died before the ledger knew them: nobody else would look for it."""
        living = set(self._tools.ledgers.run(alive))
        for pool in self._tools.ledgers.run(pools):
            self._tools.depth.forget_stale(pool, self._tools.settings.settle_after_seconds, living)

    def _settle(self, queue: str) -> int:
        run, older = self._tools.ledgers.run, self._tools.settings.settle_after_seconds
        missing = self._unlisted(queue) if self._tools.depth.shows_ids else self._uncounted(queue)
        done = 0
        for start in range(0, len(missing), _BATCH):
            sent = run(resend, missing[start : start + _BATCH], older)
            post(self._tools, sent)
            done += len(sent)
        return done

    def _unlisted(self, queue: str) -> list[str]:
        run, older = self._tools.ledgers.run, self._tools.settings.settle_after_seconds
        # First the ledger, then the broker: a job taken in between is missing there, and no longer queued here.
        ids = run(stale, queue, older)
        known = self._tools.depth.ids(queue, run(pools))
        return [job_id for job_id in ids if job_id not in known]

    def _uncounted(self, queue: str) -> list[str]:
        """Where the broker shows no ids: as many of the longest sent as a step lacks messages.

        Queues are first in, first out, so what was lost is older than what waits. Messages of jobs that were
        cancelled hide as many lost ones until they are drained. One too many is a message that a claim drops.
        """
        sent = self._tools.ledgers.run(sent_by_priority, queue, self._tools.settings.settle_after_seconds)
        waiting = self._tools.depth.depths([queue])[queue]
        missing: list[str] = []
        for step, number in waiting.items():
            found = [one for one in sent if step_of(one.priority) == step]
            lacking = sum(one.number for one in found) - number
            stale = sorted((when, job_id) for one in found for when, job_id in one.stale)
            missing += [job_id for _, job_id in stale[: max(lacking, 0)]]
        return missing
