"""A mail server for development: takes every mail, delivers none, and shows them on a page.

`python -m windrow_apps.mailroom.catcher --smtp-port 1025 --http-port 8025`. On loopback unless told otherwise, and in
memory only.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import html
import socket
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as policy
from typing import Any

import uvicorn
from aiosmtpd.smtp import SMTP, Envelope, Session
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

HOST = "127.0.0.1"
MAX_MAILS = 200
MAX_MAIL_BYTES = 8 * 1024 * 1024
MAX_ALL_BYTES = 64 * 1024 * 1024
MAX_CONNECTIONS = 50
READY = "catcher is ready"
#: Mails are strangers' text: nothing in them is run or loaded.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True, slots=True)
class Caught:
    """A mail as it came."""

    number: int
    received_at: datetime
    sender: str
    recipients: tuple[str, ...]
    content: bytes

    def parsed(self) -> EmailMessage:
        """The message; odd ones are read as far as they can be."""
        message = message_from_bytes(self.content, policy=policy)
        assert isinstance(message, EmailMessage)
        return message

    def summary(self) -> dict[str, Any]:
        """JSON-ready, without text and attachments."""
        message = self.parsed()
        return {
            "number": self.number,
            "received_at": self.received_at.isoformat(timespec="milliseconds"),
            "sender": self.sender,
            "recipients": list(self.recipients),
            "subject": str(message["Subject"] or ""),
            "message_id": str(message["Message-ID"] or ""),
            "bytes": len(self.content),
        }

    def whole(self) -> dict[str, Any]:
        """`summary` with headers, text, and the names of attachments."""
        message = self.parsed()
        body = message.get_body(("plain", "html"))
        return {
            **self.summary(),
            "headers": {name: str(value) for name, value in message.items()},
            "text": "" if body is None else str(body.get_content()),
            "attachments": [part.get_filename() or "unnamed" for part in message.iter_attachments()],
        }


class Mails:
    """The last mails, bounded in number and in bytes."""

    def __init__(self) -> None:
        self._kept: deque[Caught] = deque()
        self._bytes = 0
        self._count = 0

    def add(self, sender: str, recipients: Iterable[str], content: bytes) -> None:
        """Keep one, and forget the oldest that there is no room for."""
        self._count += 1
        self._kept.append(Caught(self._count, datetime.now(UTC), sender, tuple(recipients), content))
        self._bytes += len(content)
        while len(self._kept) > MAX_MAILS or self._bytes > MAX_ALL_BYTES:
            self._bytes -= len(self._kept.popleft().content)

    def newest_first(self) -> Iterator[Caught]:
        """All that are kept."""
        return reversed(self._kept)

    def get(self, number: int) -> Caught | None:
        """One of them."""
        return next((mail for mail in self._kept if mail.number == number), None)


class Taking:
    """What the SMTP server does with a mail."""

    def __init__(self, mails: Mails) -> None:
        self._mails = mails

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """aiosmtpd's name for it."""
        content = envelope.original_content or b""
        self._mails.add(envelope.mail_from or "", envelope.rcpt_tos, content)
        return "250 Message accepted for nobody"


def pages(mails: Mails) -> Starlette:
    """The page and its JSON."""

    async def index(_: Request) -> Response:
        rows = "".join(
            f"<tr><td>{mail['number']}</td><td>{mail['received_at'][11:19]}</td>"
            f"<td>{html.escape(', '.join(mail['recipients']))}</td>"
            f'<td><a href="mails/{mail["number"]}.html">{html.escape(mail["subject"]) or "(none)"}</a></td></tr>'
            for mail in (each.summary() for each in mails.newest_first())
        )
        table = f"<table><tr><th></th><th>UTC</th><th>To</th><th>Subject</th></tr>{rows}</table>"
        note = "" if rows else "<p>None yet.</p>"
        return _page("Caught mails", table + note, refresh=True)

    async def listing(_: Request) -> Response:
        return JSONResponse([mail.summary() for mail in mails.newest_first()], headers=HEADERS)

    async def one(request: Request) -> Response:
        mail = mails.get(request.path_params["number"])
        if mail is None:
            return JSONResponse({"detail": "There is no such mail"}, 404, headers=HEADERS)
        return JSONResponse(mail.whole(), headers=HEADERS)

    async def shown(request: Request) -> Response:
        mail = mails.get(request.path_params["number"])
        if mail is None:
            return HTMLResponse("There is no such mail", 404, headers=HEADERS)
        whole = mail.whole()
        headers = "\n".join(f"{name}: {value}" for name, value in whole["headers"].items())
        more = "\n\nAttached: " + ", ".join(whole["attachments"]) if whole["attachments"] else ""
        text = html.escape(f"{headers}\n\n{whole['text']}{more}")
        return _page(whole["subject"], f'<p><a href="../">All mails</a></p><pre>{text}</pre>')

    async def raw(request: Request) -> Response:
        mail = mails.get(request.path_params["number"])
        if mail is None:
            return JSONResponse({"detail": "There is no such mail"}, 404, headers=HEADERS)
        return Response(mail.content, media_type="message/rfc822", headers=HEADERS)

    return Starlette(
        routes=[
            Route("/", index),
            Route("/mails", listing),
            Route("/mails/{number:int}", one),
            Route("/mails/{number:int}.html", shown),
            Route("/mails/{number:int}.eml", raw),
        ]
    )


def _page(title: str, body: str, refresh: bool = False) -> Response:
    again = '<meta http-equiv="refresh" content="5">' if refresh else ""
    style = "body{font:15px sans-serif;margin:2em}td,th{text-align:left;padding:.2em 1em}pre{white-space:pre-wrap}"
    head = f"<meta charset=utf-8>{again}<title>{html.escape(title)}</title><style>{style}</style>"
    return HTMLResponse(f"<!doctype html>{head}<h1>{html.escape(title)}</h1>{body}", headers=HEADERS)


async def serve(host: str, smtp_port: int, http_port: int, mails: Mails) -> None:
    """Take mails and show them until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    open_ones = 0

    class Bounded(SMTP):
        """Refuses the connection that would be one too many."""

        def connection_made(self, transport: Any) -> None:
            nonlocal open_ones
            open_ones += 1
            super().connection_made(transport)
            if open_ones > MAX_CONNECTIONS:
                transport.abort()

        def connection_lost(self, error: Exception | None) -> None:
            nonlocal open_ones
            open_ones -= 1
            super().connection_lost(error)

    def smtp() -> SMTP:
        return Bounded(
            Taking(mails), hostname="catcher", data_size_limit=MAX_MAIL_BYTES, enable_SMTPUTF8=True, loop=loop
        )

    receiving = await loop.create_server(smtp, host, smtp_port)
    with socket.create_server((host, http_port)) as listener:
        showing = uvicorn.Server(uvicorn.Config(pages(mails), log_level="warning", lifespan="off"))
        port = receiving.sockets[0].getsockname()[1]
        print(f"{READY}: smtp {host}:{port}, page http://{host}:{listener.getsockname()[1]}", flush=True)  # noqa: T201
        async with receiving:
            await showing.serve(sockets=[listener])


def main(argv: list[str] | None = None) -> int:
    """Run it until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(prog="windrow-catcher", description=__doc__)
    parser.add_argument("--host", default=HOST, help="in a container of its own: 0.0.0.0")
    parser.add_argument("--smtp-port", type=int, default=1025, help="0: any free one")
    parser.add_argument("--http-port", type=int, default=8025, help="0: any free one")
    options = parser.parse_args(argv)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(options.host, options.smtp_port, options.http_port, Mails()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
