"""GET /v1/jobs/{id}/events: states and progress as server-sent events."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from windrow.api import problems
from windrow.api.auth import needs
from windrow.api.callers import JOBS_READ
from windrow.api.documented import Documented, refusals
from windrow.api.reading import find_job
from windrow.api.services import Services, services_of
from windrow.api.slots import Slots
from windrow.api.telling import Teller, has_seen_all
from windrow.core.errors import LedgerUnavailable
from windrow.store import jobs

router = APIRouter(prefix="/v1/jobs", tags=["jobs"], dependencies=[Depends(needs(JOBS_READ))])

MEDIA_TYPE = "text/event-stream"
#: Milliseconds after which a browser connects again.
RECONNECT_MS = 1_000
#: Seconds from a report to the next look at the ledger.
SOON_SECONDS = 0.25
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}

_EVENT = {
    "type": "object",
    "required": ["event", "id", "data"],
    "properties": {
        "event": {"enum": ["state", "progress"]},
        "id": {"type": "string", "description": "Send it as Last-Event-ID to go on from here."},
        "data": {"type": "string", "description": "JSON: the state, or what the task reported."},
    },
}
_ANSWERS: Documented = {
    problems.OK: {
        "description": "Events `state` and `progress`; the stream ends with the final state.",
        "content": {MEDIA_TYPE: {"itemSchema": _EVENT}},
    },
    problems.NO_CONTENT: {"description": "The reader has seen the final state: it need not connect again."},
}


class EventStream(StreamingResponse):
    """A stream that holds a slot while it is open, or is answered with the 429 problem."""

    def __init__(self, slots: Slots, content: AsyncIterator[str]) -> None:
        super().__init__(content, headers=_HEADERS, media_type=MEDIA_TYPE)
        self._slots = slots

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._slots.take() as taken:
            if taken:
                await super().__call__(scope, receive, send)
                return
        refusal = problems.too_many_streams(self._slots.limit).response(scope["path"])
        await refusal(scope, receive, send)


@router.get(
    "/{job_id}/events",
    response_model=None,
    responses=_ANSWERS | refusals(problems.NOT_FOUND, problems.GONE, problems.INVALID, problems.TOO_MANY),
)
async def get_events(
    job_id: str,
    services: Annotated[Services, Depends(services_of)],
    last_event_id: Annotated[str | None, Header(description="`id:` of the last event that was seen.")] = None,
) -> Response:
    """What happens to the job, as it happens; begins with how it is now."""
    if has_seen_all(await find_job(services, job_id), last_event_id):
        return Response(status_code=problems.NO_CONTENT)
    return EventStream(services.streams, _events(services, job_id, Teller(last_event_id)))


async def _events(services: Services, job_id: str, teller: Teller) -> AsyncIterator[str]:
    """Until the job is final, its row is gone, or the server stops."""
    waiting, settings = services.waiting, services.settings
    pause = min(settings.api_reread_seconds, settings.api_heartbeat_seconds)
    yield f"retry: {RECONNECT_MS}\n\n"
    spoke = time.monotonic()
    first, look = True, True
    reports: list[dict[str, Any]] = []
    async with waiting.watch(job_id) as watch:
        while not waiting.stopping:
            told: list[str] = []
            final = False
            if look:
                try:
                    job = await services.ledger.run(jobs.get, job_id)
                except LedgerUnavailable:
                    # The stream outlives it: the next look will tell.
                    job = None
                else:
                    if job is None:
                        return
                    final = job.state.is_final
                    # Signals are ahead of the ledger, which keeps progress once a second.
                    told = teller.look(job, with_progress=first or not waiting.listening)
                    first = False
            if not final:
                told += [text for event in reports for text in teller.progress(event)]
            if not told and time.monotonic() - spoke >= settings.api_heartbeat_seconds:
                told = [": still here\n\n"]
            for text in told:
                yield text
                spoke = time.monotonic()
            if final:
                return
            # A report tells all by itself; but the end may hide behind it, so look soon.
            happened = await watch.wait(pause if look else SOON_SECONDS)
            events = watch.events()
            reports = [event for event in events if "progress" in event]
            look = not happened or len(reports) < len(events) or not events
