"""Waits for a job on behalf of a request, and stops the job when nobody waits any more."""

import asyncio
import random
import time
from contextlib import suppress

from fastapi import Request

from windrow.apps import Job, Jobs, LedgerUnavailable

#: The longest pause before a ledger that is away is asked again.
PAUSE_SECONDS = 1.0


async def wait_or_stop(jobs: Jobs, job: Job, seconds: float, request: Request) -> Job | None:
    """The job as it is when it is final, `seconds` are over, or the client has gone; then it is final or stopped.

    None: the ledger does not know it any more. Raises LedgerUnavailable when it is away at the end.
    """
    waiting = asyncio.ensure_future(_wait(jobs, job.id, seconds))
    gone = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait((waiting, gone), return_when=asyncio.FIRST_COMPLETED)
        found = waiting.result() if waiting.done() else job
    except Exception:
        # Its request ends here: nobody waits for the job, and its queue has one child.
        with suppress(Exception):
            await jobs.cancel(job.id)
        raise
    finally:
        for future in (waiting, gone):
            future.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await future
    if found is None or found.state.is_final:
        return found
    stopped = await jobs.cancel(job.id)
    if stopped is not None and stopped.before.is_final:
        # It ended between the last look and the cancel: that is an answer after all.
        return await jobs.get(job.id)
    return found


async def _wait(jobs: Jobs, job_id: str, seconds: float) -> Job | None:
    # Its worker saves the outcome when the ledger is back: a failover in between costs the answer a moment.
    end, left = time.monotonic() + seconds, seconds
    while True:
        try:
            return await jobs.wait(job_id, left)
        except LedgerUnavailable:
            pause = random.uniform(0.5, 1) * PAUSE_SECONDS
            left = end - time.monotonic() - pause
            if left <= 0:
                raise
        await asyncio.sleep(pause)


async def _gone(request: Request) -> None:
    # The body has been read: all that can still come is the news that the client has hung up.
    while (await request.receive())["type"] != "http.disconnect":
        pass
