"""The routes of apps that are off: they say so, where a plain 404 would look like a misspelt path."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from fastapi import FastAPI

from windrow.api.problems import not_found
from windrow.apps import DEFAULT_APPS, AppSpec, find_app


def add_routes_of_absent(app: FastAPI, present: Sequence[AppSpec]) -> None:
    """Answer what the apps of DEFAULT_APPS that are not `present` would take with a 404 that names the app."""
    names = {spec.name for spec in present}
    for name in DEFAULT_APPS.split(","):
        if name not in names:
            for taken in find_app(name).paths:
                methods, _, path = taken.partition(" ")
                app.add_api_route(path, _is_off(name), methods=methods.split(","), include_in_schema=False)


def _is_off(name: str) -> Callable[[], Awaitable[None]]:
    async def endpoint() -> None:
        how = f"add it to WINDROW_APPS, in the chart with apps.{name}.enabled"
        raise not_found(f"The app `{name}`, which answers here, is off: {how}")

    return endpoint
