"""HEAD: the head of what GET would answer."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send


async def answer_head(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Ask `app` for a GET and send its answer without the body; one that would go on for long is ended there."""
    enough = asyncio.Event()

    async def head_only(message: Message) -> None:
        if message["type"] != "http.response.body":
            await send(message)
        elif not enough.is_set():
            await send({"type": "http.response.body", "body": b""})
            if message.get("more_body"):
                enough.set()

    asking = asyncio.ensure_future(app({**scope, "method": "GET"}, receive, head_only))
    told = asyncio.ensure_future(enough.wait())
    try:
        await asyncio.wait((asking, told), return_when=asyncio.FIRST_COMPLETED)
        if asking.done():
            asking.result()
    finally:
        for future in (asking, told):
            future.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await future
