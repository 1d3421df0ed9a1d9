"""/docs and /openapi.json; the pages' scripts come from this server, so they work without the internet."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import metadata, resources
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from windrow.api.direct import REFERENCE
from windrow.api.documented import ProblemBody

ASSETS = "/docs/assets"
DESCRIPTION = """Keep a job with `POST /v1/jobs`: **202** means that it is committed to the ledger and will run.

Every error is an [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457) problem that says what to change."""


def install(app: FastAPI, bodies: Sequence[type[BaseModel]]) -> None:
    """Serve the documentation of `app`; `bodies` are what its direct routes read."""
    folder = Path(str(resources.files("fastapi_offline"))) / "static"
    app.mount(ASSETS, StaticFiles(directory=folder), name="docs-assets")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        """The API, to read and to try."""
        return get_swagger_ui_html(
            openapi_url="/openapi.json",
            title=app.title,
            swagger_js_url=f"{ASSETS}/swagger-ui-bundle.js",
            swagger_css_url=f"{ASSETS}/swagger-ui.css",
            swagger_favicon_url=f"{ASSETS}/favicon.png",
        )

    app.openapi = lambda: _schema(app, bodies)  # type: ignore[method-assign]


def version() -> str:
    """The installed release."""
    return metadata.version("windrow")


def _schema(app: FastAPI, bodies: Sequence[type[BaseModel]]) -> dict[str, Any]:
    """The OpenAPI document, made once, with the bodies of the direct routes."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description=DESCRIPTION,
            routes=app.routes,
            tags=app.openapi_tags,
        )
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        _, read = models_json_schema([(body, "validation") for body in bodies], ref_template=REFERENCE)
        _, sent = models_json_schema([(ProblemBody, "serialization")], ref_template=REFERENCE)
        schemas |= read["$defs"] | sent["$defs"]
        # Errors are problems here, whatever the framework would have said.
        for path in document["paths"].values():
            for operation in path.values():
                _without_framework_errors(operation)
        schemas.pop("HTTPValidationError", None)
        schemas.pop("ValidationError", None)
        app.openapi_schema = document
    return app.openapi_schema


def _without_framework_errors(operation: dict[str, Any]) -> None:
    reply = operation.get("responses", {}).get("422")
    if reply and "application/json" in reply.get("content", {}):
        reply["description"] = "Not what the service takes"
        reply["content"] = {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemBody"}}
        }
