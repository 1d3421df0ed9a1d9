"""/livez, /readyz and /metrics."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel

from windrow.api import problems
from windrow.api.broker_check import broker_answers
from windrow.api.documented import Documented, refusals
from windrow.api.services import Services, services_of
from windrow.core.errors import LedgerUnavailable
from windrow.store.health import ping

router = APIRouter(tags=["health"])
Parts = Annotated[Services, Depends(services_of)]

#: Seconds for the ledger, and for the broker, to answer a readiness probe: probes give up after one.
READY_SECONDS = 0.8


class Alive(BaseModel):
    """The process answers."""

    status: str = "ok"


class Ready(BaseModel):
    """Jobs can be kept."""

    status: str = "ok"
    #: Whether the broker answers and wake-ups arrive; without it jobs are kept all the same, and readers look again
    #: by themselves.
    broker: bool


_METRICS: Documented = {
    problems.OK: {
        "description": "Prometheus text.",
        "content": {"text/plain": {"schema": {"type": "string"}}},
    }
}


@router.get("/livez")
async def livez() -> Alive:
    """The process answers; nothing else is looked at, or an outage of a store would restart every pod."""
    return Alive()


@router.get("/readyz", responses=refusals(problems.UNAVAILABLE, common=False))
async def readyz(services: Parts) -> Ready:
    """Jobs can be kept: the ledger answers. The broker may be away, for jobs are accepted without it."""
    if services.waiting.stopping:
        raise problems.unavailable("This server is stopping")
    ledger = asyncio.ensure_future(services.ledger.run(ping))
    broker = asyncio.ensure_future(broker_answers(services))
    done, late = await asyncio.wait({ledger, broker}, timeout=READY_SECONDS)
    for asked in late:
        # Not awaited: to end a statement of a server that is frozen takes as long as the statement.
        asked.cancel()
        asked.add_done_callback(lambda task: task.cancelled() or task.exception())
    if ledger not in done:
        raise LedgerUnavailable("no answer in time")
    ledger.result()
    return Ready(broker=services.waiting.listening and broker in done and broker.result())


@router.get("/metrics", response_class=Response, responses=_METRICS)
async def metrics(services: Parts) -> Response:
    """Rate, errors and duration of requests, and what this process left to others."""
    return Response(generate_latest(services.metrics.registry), media_type=CONTENT_TYPE_LATEST)
