"""A real web site for the parse tests: answers by script, and remembers what it was asked."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


@dataclass
class Reply:
    """What the site sends for one request."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    #: Close the connection after this many bytes of the body; -1: without any answer at all.
    cut_after: int | None = None


def html(number: int) -> Reply:
    """An ordinary page: three words, a heading and a link."""
    body = f"<title>Page {number}</title><h1>Heading {number}</h1><a href='{number + 1}'>next</a>"
    return Reply(body=body.encode())


class Site:
    """A running site; `answer` may be replaced at any time and is called from several threads."""

    def __init__(self, answer: Callable[[int], Reply]) -> None:
        self.answer = answer
        self.hits: Counter[int] = Counter()
        #: The most requests that were open at the same time.
        self.peak = 0
        self._open = 0
        self._lock = threading.Lock()
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 10

            def do_GET(self) -> None:
                site._serve(self)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing: a test's output is its own."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        # A request that a test leaves hanging must not hold up its end.
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        """The template for the source setting."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}/{{id}}"

    @contextmanager
    def running(self) -> Iterator[Site]:
        """Serve until the end of the block; after it nobody listens on the port."""
        self._thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join(5)

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        number = int(urlsplit(handler.path).path.strip("/"))
        with self._lock:
            self.hits[number] += 1
            self._open += 1
            self.peak = max(self.peak, self._open)
        try:
            self._send(handler, self.answer(number))
        except (BrokenPipeError, ConnectionResetError):
            handler.close_connection = True
        finally:
            with self._lock:
                self._open -= 1

    def _send(self, handler: BaseHTTPRequestHandler, reply: Reply) -> None:
        if reply.cut_after == -1:
            handler.close_connection = True
            return
        handler.send_response(reply.status)
        headers = {"Content-Type": "text/html; charset=utf-8", "Content-Length": str(len(reply.body))}
        for name, value in {**headers, **reply.headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(reply.body[: reply.cut_after])
        if reply.cut_after is not None:
            handler.close_connection = True
