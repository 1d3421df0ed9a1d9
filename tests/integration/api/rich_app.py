"""An app that uses all that the platform offers: its tests call it over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, Request

from windrow.apps import AppSpec, Jobs
from windrow.public import caller_id

_HERE = "tests.integration.api.rich_app"
SPEC = AppSpec(
    name="rich",
    tasks=_HERE,
    router=f"{_HERE}:router",
    shared_routers=(f"{_HERE}:shared",),
    body_bytes={"/rich/big": 2_000_000},
)
ALSO = AppSpec(name="also", tasks=_HERE, shared_routers=(f"{_HERE}:shared",))
OWN_HEADER = AppSpec(name="own", tasks=_HERE, router=f"{_HERE}:keyed", key_header="X-API-Key", body_bytes={})


def router(jobs: Jobs) -> APIRouter:
    """A route for each call of `Jobs`."""
    lived: list[str] = []

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        lived.append("opened")
        yield
        lived.append("closed")

    routes = APIRouter(prefix="/rich", lifespan=lifespan)

    @routes.get("/lived")
    async def seen() -> list[str]:
        return lived

    @routes.get("/caller")
    async def caller(request: Request) -> str | None:
        return caller_id(request)

    @routes.post("/big")
    async def big(words: list[str]) -> int:
        return len(words)

    @routes.post("/many")
    async def many(xs: list[int], id_prefix: str | None = None) -> list[str]:
        ids = None if id_prefix is None else [f"{id_prefix}{x}" for x in xs]
        kept = await jobs.submit_many("math.add", [{"x": x, "y": 1} for x in xs], tags=["many"], job_ids=ids)
        return [job.id for job in kept]

    @routes.post("/one")
    async def one(x: Any = 1, job_id: str | None = None, time_limit: float | None = None) -> dict[str, Any]:
        job = await jobs.submit(
            "math.add", kwargs={"x": int(x), "y": 2}, job_id=job_id, time_limit=time_limit, max_attempts=7
        )
        return _shown(job)

    @routes.get("/get-many")
    async def get_many(ids: str) -> dict[str, str]:
        return {job_id: job.state for job_id, job in (await jobs.get_many(ids.split(","))).items()}

    @routes.get("/wait/{job_id}")
    async def wait(job_id: str, seconds: float) -> dict[str, Any] | None:
        job = await jobs.wait(job_id, seconds)
        return None if job is None else _shown(job)

    @routes.post("/cancel/{job_id}")
    async def cancel(job_id: str, running: bool = True) -> list[str] | None:
        done = await jobs.cancel(job_id, running=running)
        return None if done is None else [done.before, done.after]

    @routes.get("/find")
    async def find(tag: str) -> list[str]:
        return [job.id for job in await jobs.find(tag=tag)]

    @routes.get("/around")
    async def around() -> dict[str, list[str]]:
        return {
            "workers": [worker.name for worker in await jobs.workers()],
            "queues": [queue.name for queue in await jobs.queues()],
        }

    return routes


def shared(jobs: Jobs) -> APIRouter:
    """Brought by two apps, there once."""
    routes = APIRouter()

    @routes.get("/shared")
    async def seen() -> str:
        return "once"

    return routes


def keyed(jobs: Jobs) -> APIRouter:
    """Wants its key in a header of its own."""
    routes = APIRouter(prefix="/own")

    @routes.get("/caller")
    async def caller(request: Request) -> str | None:
        return caller_id(request)

    return routes


def _shown(job: Any) -> dict[str, Any]:
    return {
        "id": job.id,
        "state": job.state,
        "limit": job.hard_limit,
        "max_attempts": job.max_attempts,
        "result": job.result,
    }
