"""A server that speaks the OpenAI protocol on a free port, and misbehaves as it is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

SUMMARY = "It says this. And that."
USAGE = {"prompt_tokens": 120, "completion_tokens": 9, "total_tokens": 129}
Behaviour = Callable[["Handler"], None]


class Asked(NamedTuple):
    """A request that arrived."""

    path: str
    key: str | None
    body: dict[str, Any]


class Handler(BaseHTTPRequestHandler):
    """One request; does what the next behaviour says, and what the last one says for ever."""

    server: LlmServer
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        behave = self.server.next(Asked(self.path, self.headers.get("Authorization"), body))
        self.close_connection = True
        behave(self)

    def head(self, status: int, content_type: str = "application/json", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)

    def whole(self, status: int, body: bytes, content_type: str = "application/json", **headers: str) -> None:
        self.head(status, content_type, Content_Length=str(len(body)), **headers)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


class LlmServer(ThreadingHTTPServer):
    """`behave(...)` sets what the next requests get; `asked` is what came."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.base_url = f"http://127.0.0.1:{self.server_port}/v1"
        self.asked: list[Asked] = []
        self.ending = threading.Event()
        self._behaviours: list[Behaviour] = [well()]
        self._lock = threading.Lock()

    def behave(self, *behaviours: Behaviour) -> None:
        """From now on; the last one for ever."""
        with self._lock:
            self._behaviours = list(behaviours)
            self.asked.clear()

    def next(self, asked: Asked) -> Behaviour:
        """Note a request; what it gets."""
        with self._lock:
            self.asked.append(asked)
            return self._behaviours.pop(0) if len(self._behaviours) > 1 else self._behaviours[0]

    def handle_error(self, *_: Any) -> None:
        # A client that has lost its patience.
        pass


@contextmanager
def llm_server() -> Iterator[LlmServer]:
    """A running one."""
    server = LlmServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.ending.set()
        server.shutdown()
        thread.join(10)
        server.server_close()


def well(text: str = SUMMARY, usage: dict[str, int] | None = USAGE) -> Behaviour:
    """As it should be, streamed when that was asked for."""

    def behave(handler: Handler) -> None:
        if handler.server.asked[-1].body["stream"]:
            events = _events(text, usage)
            handler.whole(200, b"".join(events) + b"data: [DONE]\n\n", "text/event-stream")
            return
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        handler.whole(200, json.dumps({"choices": [choice], "usage": usage}).encode())

    return behave


def refuses(status: int, **headers: str) -> Behaviour:
    """An error with a body that repeats the key, as some do."""

    def behave(handler: Handler) -> None:
        body = {"error": {"message": f"no: {handler.headers.get('Authorization')}"}}
        handler.whole(status, json.dumps(body).encode(), **headers)

    return behave


def says(body: bytes) -> Behaviour:
    """200 with any body."""
    return lambda handler: handler.whole(200, body)


def slow(handler: Handler) -> None:
    """Takes the request and says nothing."""
    handler.server.ending.wait(20)


def drips(handler: Handler) -> None:
    """A byte now and then: no pause is long, and it does not end."""
    handler.head(200, Content_Length="100000")
    handler.end_headers()
    for _ in range(200):
        if handler.server.ending.wait(0.1):
            return
        handler.wfile.write(b" ")


def breaks_off(handler: Handler) -> None:
    """Announces more than it sends."""
    handler.head(200, Content_Length="5000")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [{"message": {"content": "It sa')


def stream_ends_early(handler: Handler) -> None:
    """A stream whose end never comes, on a connection that is closed in good order."""
    handler.whole(200, _events(SUMMARY, None)[0], "text/event-stream")


def _events(text: str, usage: dict[str, int] | None) -> list[bytes]:
    middle = len(text) // 2
    parts: list[dict[str, Any]] = [
        {
            "choices": [
                {"index": 0, "delta": {"role": "assistant", "content": text[:middle]}, "finish_reason": None}
            ]
        },
        {
            "choices": [{"index": 0, "delta": {"content": text[middle:]}, "finish_reason": "stop"}],
            "usage": usage,
        },
    ]
    return [b"data: " + json.dumps(part).encode() + b"\n\n" for part in parts]
