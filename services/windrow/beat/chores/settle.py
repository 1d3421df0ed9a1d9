"""Settle: find the messages that the broker lost. Not gated by depth: cancelled messages must not hide a lost one."""

from __future__ import annotations

from windrow.beat.chores.chore import Pass, Tools
from windrow.beat.chores.post import post
from windrow.broker.errors import BrokerUnavailable
from windrow.core.errors import LedgerUnavailable
from windrow.store.lost_messages import begin_settle, pools, resend, stale
from windrow.store.workers import living as alive

_BATCH = 500


class Settle:
    """queued with a lost message -> queued with a new one."""

    name = "settle"

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def run(self) -> Pass:
        settings, run = self._tools.settings, self._tools.ledgers.run
        # Does Redis answer? A queue that was begun counts as settled for a while.
        self._tools.depth.in_flight("")
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
        # First the ledger, then the broker: a job taken in between is missing there, and no longer queued here.
        ids = run(stale, queue, older)
        known = self._tools.depth.ids(queue, run(pools))
        missing = [job_id for job_id in ids if job_id not in known]
        done = 0
        for start in range(0, len(missing), _BATCH):
            sent = run(resend, missing[start : start + _BATCH], older)
            post(self._tools, sent)
            done += len(sent)
        return done
