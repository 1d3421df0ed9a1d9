"""The FastAPI application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import Depends, FastAPI
from fastapi.security import HTTPBearer

from windrow.api import (
    batch,
    docs,
    errors,
    events,
    health,
    problems,
    routes_actions,
    routes_catalog,
    routes_jobs,
    routes_schedules,
)
from windrow.api.body_limit import BodyLimitMiddleware
from windrow.api.direct import LaneApi, takes
from windrow.api.documented import refusals
from windrow.api.metrics import MetricsMiddleware
from windrow.api.mounting import body_limits, mount_apps
from windrow.api.queries import QueryCheck
from windrow.api.schedule_bodies import ScheduleBody, ScheduleCreate
from windrow.api.services import Services, make_services, running
from windrow.api.settings import ApiSettings
from windrow.api.submit import submit
from windrow.api.views import JobView, Receipt
from windrow.core.input import JobRequest

#: For the docs only: routes check their key themselves, and an app's may be open.
_BEARER = Depends(
    HTTPBearer(
        auto_error=False,
        description="`wrk_…`, made by `windrow keys create`; inside the cluster also a ServiceAccount's token.",
    )
)
_IDEMPOTENCY = "The same key and body again: the same job again. Kept for a day, for each caller."
_PREFER = (
    "`wait=N`: answer with 200 and the job if it finishes within N seconds. Needs jobs:read, too: without that "
    "scope the answer is the 202, at once."
)


def create_app(settings: ApiSettings) -> FastAPI:
    """The application; connects when it starts."""
    services = make_services(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with running(services):
            yield

    app = LaneApi(
        title="Windrow",
        version=docs.version(),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
        # A redirect would lead to whatever host the caller named, and lose a POST on the way: a 404 tells the path.
        redirect_slashes=False,
        # Lanes pass its own tracing by: `tracing.py` stands around both.
        telemetry={
            "tracing": False,
            "metrics": False,
            "logs": False,
            "operation_spans": False,
            "auto_configure": False,
        },
    )
    app.state.services = services
    app.add_middleware(
        BodyLimitMiddleware,
        limit=settings.api_input_bytes,
        seconds=settings.api_body_seconds,
        limits=body_limits(settings.apps),
    )
    app.add_middleware(MetricsMiddleware, metrics=services.metrics)
    errors.install(app)
    _add_submission(app, services)
    query = QueryCheck()
    for router in (
        events.router,
        routes_jobs.router,
        routes_actions.router,
        routes_catalog.router,
        routes_schedules.router,
    ):
        app.include_router(
            router,
            dependencies=[_BEARER, Depends(query)],
            responses=refusals(problems.INVALID, common=False),
        )
    app.include_router(health.router)
    mount_apps(app, services, query)
    docs.install(app, [JobRequest, batch.BatchRequest, ScheduleBody, ScheduleCreate])
    return app


def _add_submission(app: LaneApi, services: Services) -> None:
    """Before the other routes under /v1/jobs, for the docs show them in this order."""
    common: dict[str, Any] = {
        "status_code": problems.ACCEPTED,
        "tags": ["jobs"],
        "dependencies": [_BEARER],
    }
    refused = refusals(
        problems.BAD_REQUEST, problems.NOT_FOUND, problems.TOO_SLOW, problems.TOO_LARGE, problems.INVALID
    )
    app.add_lane(
        "/v1/jobs",
        services,
        submit,
        openapi_extra=takes(JobRequest, {"Idempotency-Key": _IDEMPOTENCY, "Prefer": _PREFER}),
        responses={
            problems.OK: {"description": "Finished within `Prefer: wait`.", "model": JobView},
            problems.ACCEPTED: {"description": "Committed; Location is the job.", "model": Receipt},
            **refused,
            **refusals(problems.CONFLICT, common=False),
        },
        **common,
    )
    app.add_lane(
        "/v1/jobs:batchCreate",
        services,
        batch.submit_batch,
        openapi_extra=takes(batch.BatchRequest, {"Idempotency-Key": _IDEMPOTENCY}),
        responses={
            problems.ACCEPTED: {"description": "An outcome for each job.", "model": batch.BatchReceipt},
            **refused,
        },
        **common,
    )
