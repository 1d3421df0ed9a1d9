"""HTTP/1.1 as bytes: a request that is built once, and where an answer ends."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Mapping
from typing import Any

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


def request(method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> bytes:
    """A whole keep-alive request; `body` goes as JSON."""
    payload = b"" if body is None else json.dumps(body, separators=(",", ":")).encode()
    lines = [f"{method} {path} HTTP/1.1", "Host: bench", f"Content-Length: {len(payload)}"]
    if payload:
        lines.append("Content-Type: application/json")
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join([*lines, "", ""]).encode() + payload


def answer_size(data: bytes | bytearray) -> int | None:
    """Bytes of the answer that `data` begins with; None while its head is incomplete."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    found = _LENGTH.search(data, 0, end)
    return end + 4 + (int(found[1]) if found else 0)


class Caller:
    """One keep-alive connection, one request at a time."""

    def __init__(self, port: int, timeout: float = 15.0) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def call(self, message: bytes) -> tuple[int, Any]:
        """Status and decoded JSON body (None when it is empty). Raises OSError, on time-out as well."""
        self._socket.sendall(message)
        data = b""
        while (size := answer_size(data)) is None or len(data) < size:
            chunk = self._socket.recv(1 << 20)
            if not chunk:
                raise ConnectionError("the server hung up")
            data += chunk
        body = data[data.find(b"\r\n\r\n") + 4 :]
        return int(data[9:12]), json.loads(body) if body else None

    def close(self) -> None:
        """Hang up."""
        self._socket.close()
