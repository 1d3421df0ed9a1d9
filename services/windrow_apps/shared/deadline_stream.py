"""A connection of httpcore that ends at a deadline, however slowly the other end sends."""

from __future__ import annotations

import ssl
import time
from typing import Any

import httpcore


def seconds_left(deadline: float, step: float | None) -> float:
    """Seconds that one step may take, `step` at most; `deadline` is monotonic. Raises httpcore.TimeoutException."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise httpcore.TimeoutException("the answer took too long")
    return left if step is None else min(step, left)


class DeadlineStream(httpcore.NetworkStream):
    """`stream`, whose every step has the time-out of the step or what is left until `deadline`."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, seconds_left(self._deadline, timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, seconds_left(self._deadline, timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = seconds_left(self._deadline, timeout)
        return DeadlineStream(self._stream.start_tls(ssl_context, server_hostname, left), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
