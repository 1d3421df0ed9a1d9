"""Expire: end what nobody started in time."""

from __future__ import annotations

from windrow.beat.chores.chore import Pass, Tools
from windrow.beat.chores.post import as_sent, post
from windrow.beat.chores.quarantine import Quarantine
from windrow.store.expire import expire, late


class Expire:
    """scheduled, blocked, queued, retrying -> expired."""

    name = "expire"

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._bad = Quarantine(tools.settings.quarantine_seconds)

    def run(self) -> Pass:
        settings, run = self._tools.settings, self._tools.ledgers.run
        limit = settings.expire_batch
        results = self._bad.run(
            lambda skip: run(expire, limit, skip),
            lambda skip: run(late, limit, skip),
            lambda row: run(expire, 1, (), row),
        )
        ids = [job_id for one in results for job_id in one.ids]
        ended = [job_id for one in results for job_id in one.ended]
        post(self._tools, as_sent(job for one in results for job in one.queued), [*ids, *ended])
        wait = 0.0 if len(ids) >= limit else settings.expire_seconds
        return Pass(len(ids), wait, self._bad.errors())
