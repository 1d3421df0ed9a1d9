"""Routes that read their body themselves: documented like all others, without the framework's work for each call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel

REFERENCE = "#/components/schemas/{model}"


class DirectRoute(APIRoute):
    """Calls its endpoint with the request and nothing else; dependencies and models are documentation."""

    def __init__(self, path: str, endpoint: Callable[[Request], Awaitable[Response]], **options: Any) -> None:
        super().__init__(path, endpoint, **options)

        async def app(scope: Any, receive: Any, send: Any) -> None:
            response = await endpoint(Request(scope, receive, send))
            await response(scope, receive, send)

        self.app = app


def takes(body: type[BaseModel], headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    """`openapi_extra` of a route that reads `body` itself; `headers` are names and what they mean."""
    reference = {"$ref": REFERENCE.format(model=body.__name__)}
    extra: dict[str, Any] = {
        "requestBody": {"required": True, "content": {"application/json": {"schema": reference}}}
    }
    if headers:
        extra["parameters"] = [
            {
                "name": name,
                "in": "header",
                "required": False,
                "description": text,
                "schema": {"type": "string"},
            }
            for name, text in headers.items()
        ]
    return extra
