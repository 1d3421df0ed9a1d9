"""Wait for jobs: woken by the broker's signals, and looking again every few seconds should one be lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from windrow.broker.channels import WakeUps, Watch
from windrow.core.record import JobRecord
from windrow.store import jobs
from windrow.store.async_ledger import AsyncLedger


class Waiting:
    """Readers who wait for news of a job; `reread` is in seconds."""

    def __init__(self, ledger: AsyncLedger, wakeups: WakeUps, reread: float) -> None:
        self._ledger = ledger
        self._wakeups = wakeups
        self._reread = reread
        self._open: set[Watch] = set()
        self.stopping = False

    @property
    def listening(self) -> bool:
        """Whether signals arrive at present."""
        return self._wakeups.listening

    def stop(self) -> None:
        """Answer everybody who waits with what there is: the server wants to end."""
        self.stopping = True
        for watch in self._open:
            watch.wake()

    @asynccontextmanager
    async def watch(self, job_id: str, answer_key: str | None = None) -> AsyncIterator[Watch]:
        """An eye on one job, from now on: read it after entering."""
        async with self._wakeups.watch(job_id, answer_key) as watch:
            self._open.add(watch)
            try:
                yield watch
            finally:
                self._open.discard(watch)

    async def finished(self, job_id: str, seconds: float) -> JobRecord | None:
        """The job once it is final or `seconds` are over; None when there is none. Raises LedgerUnavailable."""
        async with self.watch(job_id) as watch:
            return await self.final(watch, job_id, seconds, new=False)

    async def final(self, watch: Watch, job_id: str, seconds: float, *, new: bool) -> JobRecord | None:
        """The same under an open watch. A `new` job was kept under it: nothing is to be read before it wakes."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        if new and seconds > 0 and not self.stopping:
            await watch.wait(min(seconds, self._reread))
        while True:
            if watch.answer is not None:
                return watch.answer
            record = await self._ledger.run(jobs.get, job_id)
            left = deadline - loop.time()
            if record is None or record.state.is_final or left <= 0 or self.stopping:
                return record
            await watch.wait(min(left, self._reread))
