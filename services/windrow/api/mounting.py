"""The routes of apps, beside the platform's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from importlib import import_module
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.security import APIKeyHeader

from windrow.api.absent import add_routes_of_absent
from windrow.api.auth import Keyring, needs
from windrow.api.callers import JOBS_READ, JOBS_WRITE, Caller, check_scope
from windrow.api.documented import refusals
from windrow.api.jobs_service import JobsService
from windrow.api.problems import INTERNAL, INVALID, NOT_FOUND, UNAVAILABLE
from windrow.api.queries import QueryCheck
from windrow.api.services import Services
from windrow.apps import AppSpec, find_app


def mount_apps(app: FastAPI, services: Services, query: QueryCheck) -> None:
    """Add the routes of every app of the settings; those of open apps need no key. Raises LookupError."""
    jobs = JobsService(services)
    specs = [find_app(name) for name in services.settings.apps]
    for spec in specs:
        if spec.router is not None:
            _mount(app, spec.router, jobs, _guards(spec, services.settings.open_apps), query)
    add_routes_of_absent(app, specs)
    for path in dict.fromkeys(path for spec in specs for path in spec.shared_routers):
        sharing = [spec for spec in specs if path in spec.shared_routers]
        # Open when it is open for one of them: it says nothing that only another's callers may know.
        guards = [_guards(spec, services.settings.open_apps) for spec in sharing]
        _mount(app, path, jobs, min(guards, key=len), query)


def body_limits(names: Sequence[str]) -> dict[str, int]:
    """Bytes of a body by path, of the apps of these names. Raises LookupError."""
    return {path: size for name in names for path, size in find_app(name).body_bytes.items()}


def _mount(app: FastAPI, path: str, jobs: JobsService, guards: list[Any], query: QueryCheck) -> None:
    module, _, function = path.partition(":")
    router: APIRouter = getattr(import_module(module), function)(jobs)
    app.include_router(
        router,
        dependencies=[*guards, Depends(query)],
        responses=refusals(NOT_FOUND, INVALID, INTERNAL, UNAVAILABLE, common=bool(guards)),
    )


def _guards(spec: AppSpec, open_apps: Sequence[str]) -> list[Any]:
    if spec.key_header is not None:
        header = APIKeyHeader(name=spec.key_header, auto_error=False, description="An API key, `wrk_…`.")
        return [Depends(_named(_needs_in(spec.key_header))), Depends(header)]
    return [] if spec.name in open_apps else [Depends(_named(needs()))]


def _needs_in(header: str) -> Callable[[Request], Awaitable[Caller]]:
    async def dependency(request: Request) -> Caller:
        keyring: Keyring = request.app.state.services.keyring
        key = request.headers.get(header)
        caller = await keyring.caller(None if key is None else f"Bearer {key}", header)
        check_scope(caller, JOBS_READ if request.method in ("GET", "HEAD") else JOBS_WRITE)
        return caller

    return dependency


def _named(check: Callable[[Request], Awaitable[Caller]]) -> Callable[[Request], Awaitable[None]]:
    async def dependency(request: Request) -> None:
        # `windrow.public.caller_id` reads it.
        request.state.windrow_caller = (await check(request)).id

    return dependency
