"""A small app, as others write them."""

from __future__ import annotations

from fastapi import APIRouter

from windrow.apps import AppSpec, Jobs

SPEC = AppSpec(
    name="demo", tasks="tests.integration.api.demo_app", router="tests.integration.api.demo_app:router"
)


def router(jobs: Jobs) -> APIRouter:
    """Submit and see."""
    routes = APIRouter(prefix="/demo")

    @routes.post("/{task}")
    async def start(task: str, x: int, delay: float | None = None) -> dict[str, str]:
        job = await jobs.submit(task, kwargs={"x": x, "y": 2}, delay=delay, tags=["demo"])
        return {"id": job.id, "state": job.state}

    @routes.post("")
    async def echo(words: list[str]) -> int:
        return len(words)

    @routes.get("/{job_id}")
    async def see(job_id: str) -> dict[str, str] | None:
        job = await jobs.get(job_id)
        return None if job is None else {"celery_state": job.celery_state, "tags": ",".join(job.tags)}

    return routes
