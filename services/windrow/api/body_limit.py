"""Bounds for the bodies of all routes that have none of their own, with a problem as the answer."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from windrow.api.patience import Patience, TooSlow
from windrow.api.problems import TOO_LARGE, TOO_SLOW, too_large


class BodyLimitMiddleware:
    """Refuses what announces more than `limit` bytes, and stops reading what sends more, or takes over `seconds`.

    `limits` has other bounds, by path.
    """

    def __init__(
        self, app: ASGIApp, limit: int, seconds: float, limits: Mapping[str, int] = MappingProxyType({})
    ) -> None:
        self._app = app
        self._limit = limit
        self._seconds = seconds
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._limits.get(scope["path"], self._limit)
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > limit:
            await too_large("The body", limit).response(scope["path"])(scope, receive, send)
            return
        size = 0
        # Once the body is here, this waits for the caller to hang up, which may take for ever.
        patient: Receive = Patience(receive, self._seconds)

        async def count() -> Message:
            nonlocal size, patient
            try:
                message = await patient()
            except TooSlow:
                raise HTTPException(TOO_SLOW) from None
            if not message.get("more_body", False):
                patient = receive
            size += len(message.get("body", b""))
            if size > limit:
                # The framework hides any other error of a body behind a 400.
                raise HTTPException(TOO_LARGE, str(limit))
            return message

        await self._app(scope, count, send)
