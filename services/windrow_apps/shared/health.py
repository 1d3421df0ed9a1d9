"""`GET /health`: one document for all systems, with PostgreSQL, Redis and the workers looked at in parallel."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any, Literal, TypeVar

from fastapi import APIRouter, Response, status
from pydantic import BaseModel, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from windrow.apps import Jobs, WorkerInfo
from windrow.public import redis_client

logger = logging.getLogger(__name__)
T = TypeVar("T")

#: Pings at the same time; more wait for one of them.
REDIS_CONNECTIONS = 4


class HealthSettings(BaseSettings):
    """Each field is read from `WINDROW_HEALTH_<NAME>`, `redis_url` from `WINDROW_REDIS_URL`."""

    model_config = SettingsConfigDict(
        env_prefix="WINDROW_HEALTH_", frozen=True, extra="ignore", populate_by_name=True
    )

    #: The broker and cache; secret, because it may carry a password.
    redis_url: SecretStr = Field(default=SecretStr(""), validation_alias="WINDROW_REDIS_URL")
    #: Seconds that each part has to answer; all are asked at the same time.
    seconds: float = Field(default=1.5, gt=0, le=30)


class WorkerDetails(BaseModel):
    """A worker that has renewed its lease."""

    name: str
    pool: str
    queues: list[str]
    #: Jobs that it can run at once, and does.
    concurrency: int
    busy: int
    draining: bool


class Health(BaseModel):
    """How the whole system is.

    `degraded`: jobs are kept, but nobody runs them or Redis is away. `unhealthy`: nothing can be kept.
    """

    status: Literal["healthy", "degraded", "unhealthy"]
    api: Literal["healthy"] = "healthy"
    #: How many; 0 also where PostgreSQL, which knows them, is away.
    workers: int
    worker_details: list[WorkerDetails]
    database: Literal["healthy", "unhealthy"]
    redis: Literal["healthy", "unhealthy"]
    #: What the queues are on: that Redis, or RabbitMQ.
    broker: Literal["healthy", "unhealthy"]


def health_settings() -> HealthSettings:
    """Read the settings now; for the router's factory."""
    return HealthSettings()


def router(jobs: Jobs) -> APIRouter:
    """The route `/health`. Reads the settings once, now."""
    settings = health_settings()
    url = settings.redis_url.get_secret_value()
    redis = redis_client(url, settings.seconds, REDIS_CONNECTIONS) if url else None

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        yield
        if redis is not None:
            await redis.aclose()

    routes = APIRouter(tags=["health"], lifespan=lifespan)

    @routes.get(
        "/health",
        responses={status.HTTP_503_SERVICE_UNAVAILABLE: {"model": Health, "description": "Unhealthy"}},
    )
    async def health(response: Response) -> Health:
        """How API, workers, database and Redis are; 503 when the database is away."""
        found = await health_of(jobs, _ping(redis), settings.seconds)
        if found.status == "unhealthy":
            response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
        return found

    return routes


async def health_of(jobs: Jobs, ping: Awaitable[bool], seconds: float) -> Health:
    """Ask PostgreSQL, by way of the workers that it knows, Redis and the broker; none may take over `seconds`."""
    workers, pong, queues = await asyncio.gather(
        _within(seconds, jobs.workers()), _within(seconds, ping), _within(seconds, jobs.broker())
    )
    details = [_details(worker) for worker in workers or ()]
    verdict: Literal["healthy", "degraded", "unhealthy"] = "healthy"
    if workers is None:
        verdict = "unhealthy"
    elif not (details and pong and queues):
        verdict = "degraded"
    return Health(
        status=verdict,
        workers=len(details),
        worker_details=details,
        database="unhealthy" if workers is None else "healthy",
        redis="healthy" if pong else "unhealthy",
        broker="healthy" if queues else "unhealthy",
    )


async def _ping(redis: Any) -> bool:
    return redis is not None and bool(await redis.ping())


async def _within(seconds: float, call: Awaitable[T]) -> T | None:
    """What `call` answers, or None when it does not or fails."""
    task = asyncio.ensure_future(call)
    # Not `wait_for`: a driver that was cancelled may still wait for a silent server, and nobody waits for it here.
    done, _ = await asyncio.wait({task}, timeout=seconds)
    if not done:
        task.cancel()
        task.add_done_callback(_forget)
        return None
    if task.exception() is not None:
        logger.warning("a health check failed: %s", task.exception())
        return None
    return task.result()


def _forget(task: asyncio.Future[Any]) -> None:
    # Asked for its exception, so that asyncio does not complain that nobody did.
    if not task.cancelled():
        task.exception()


def _details(worker: WorkerInfo) -> WorkerDetails:
    return WorkerDetails(**{**worker._asdict(), "queues": list(worker.queues)})
