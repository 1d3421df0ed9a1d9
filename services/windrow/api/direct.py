"""Routes that read their request themselves: documented like all others, without the framework's work for each call."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from fastapi import FastAPI
from pydantic import BaseModel
from starlette.types import Receive, Scope, Send

from windrow.api.body import ClientGone
from windrow.api.errors import problem_of
from windrow.api.head import answer_head
from windrow.api.problems import INTERNAL
from windrow.api.queries import refused
from windrow.api.services import Services

logger = logging.getLogger(__name__)

REFERENCE = "#/components/schemas/{model}"
_JSON = (b"content-type", b"application/json")


class Call(NamedTuple):
    """A request as the server gives it."""

    services: Services
    #: Lower-case names; of a repeated one the last counts.
    headers: dict[bytes, bytes]
    receive: Receive

    def header(self, name: bytes) -> str | None:
        """The header's text."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")


class Reply(NamedTuple):
    """A JSON answer."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()


Handler = Callable[[Call], Awaitable[Reply]]


class Lane:
    """One direct route as an ASGI application: turns errors into problems and counts, like the framework's stack."""

    def __init__(self, services: Services, path: str, handler: Handler) -> None:
        self._services = services
        self._path = path
        self._handler = handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        try:
            if scope["query_string"]:
                raise refused(scope["query_string"])
            reply = await self._handler(Call(self._services, dict(scope["headers"]), receive))
            status, headers = reply.status, (_JSON, *reply.headers)
            body = reply.body
        except ClientGone:
            return
        except Exception as exc:
            problem = problem_of(exc)
            status = problem.status
            if status == INTERNAL:
                logger.exception("POST %s", self._path)
            response = problem.response(self._path)
            headers, body = tuple(response.raw_headers), bytes(response.body)
        else:
            headers = (*headers, (b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        self._services.metrics.observe("POST", self._path, status, time.perf_counter() - began)


class LaneApi(FastAPI):
    """FastAPI with lanes that pass its stack by; every other request takes the usual way."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._lanes: dict[str, Lane] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            if scope["method"] == "POST" and (lane := self._lanes.get(scope["path"])) is not None:
                await lane(scope, receive, send)
                return
            if scope["method"] == "HEAD":
                await answer_head(super().__call__, scope, receive, send)
                return
        await super().__call__(scope, receive, send)

    def add_lane(self, path: str, services: Services, handler: Handler, **documentation: Any) -> None:
        """Serve `POST path` by `handler`; the documentation is that of any other route."""
        self._lanes[path] = Lane(services, path, handler)

        # What is left for the framework: to document the route, and to refuse its other methods.
        async def endpoint() -> None:
            raise AssertionError("its lane takes every POST")

        endpoint.__doc__, endpoint.__name__ = handler.__doc__, handler.__name__
        self.router.add_api_route(path, endpoint, methods=["POST"], response_model=None, **documentation)


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
