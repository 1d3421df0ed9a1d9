"""Waits for a job on behalf of a request, and stops the job when nobody waits any more."""

import asyncio
from contextlib import suppress

from fastapi import Request

from windrow.apps import Job, Jobs


async def wait_or_stop(jobs: Jobs, job: Job, seconds: float, request: Request) -> Job | None:
    """The job as it is when it is final, `seconds` are over, or the client has gone; then it is final or stopped.

    None: the ledger does not know it any more.
    """
    waiting = asyncio.ensure_future(jobs.wait(job.id, seconds))
    gone = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait((waiting, gone), return_when=asyncio.FIRST_COMPLETED)
        found = waiting.result() if waiting.done() else job
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


async def _gone(request: Request) -> None:
    # The body has been read: all that can still come is the news that the client has hung up.
    while (await request.receive())["type"] != "http.disconnect":
        pass
