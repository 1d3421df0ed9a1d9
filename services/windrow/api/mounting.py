"""The routes of apps, beside the platform's."""

from __future__ import annotations

from importlib import import_module

from fastapi import APIRouter, Depends, FastAPI

from windrow.api.auth import needs
from windrow.api.documented import refusals
from windrow.api.jobs_service import JobsService
from windrow.api.problems import INTERNAL, INVALID, NOT_FOUND, UNAVAILABLE
from windrow.api.services import Services
from windrow.apps import AppSpec, find_app


def mount_apps(app: FastAPI, services: Services) -> None:
    """Add the routes of every app of the settings; those of open apps need no key. Raises LookupError."""
    jobs = JobsService(services)
    settings = services.settings
    for name in settings.apps:
        spec = find_app(name)
        if spec.router is not None:
            keyed = [] if spec.name in settings.open_apps else [Depends(needs())]
            app.include_router(
                _router(spec, jobs),
                dependencies=keyed,
                responses=refusals(NOT_FOUND, INVALID, INTERNAL, UNAVAILABLE, common=bool(keyed)),
            )


def _router(spec: AppSpec, jobs: JobsService) -> APIRouter:
    module, _, function = (spec.router or "").partition(":")
    router: APIRouter = getattr(import_module(module), function)(jobs)
    return router
