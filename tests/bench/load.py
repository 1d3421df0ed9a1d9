"""The load client, a process of its own: keep-alive connections, one request under way on each, no pipelining.

Arguments: port, connections, seconds, expected status. The request comes as bytes on stdin. Prints JSON
`{"requests", "answers", "seconds", "unexpected", "p50", "p99"}`, times in seconds; answers counts warm-up too.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from contextlib import suppress
from typing import cast

import uvloop

from tests.bench.wire import answer_size

WARM_UP_SECONDS = 0.5
#: Once the time is over, this many seconds for the requests under way.
GRACE_SECONDS = 15.0


class Load:
    """What all connections share."""

    def __init__(self, message: bytes, status: bytes, warm_up: int) -> None:
        self.message = message
        self.status = status
        self.counting = False
        self.stopping = False
        self.times: list[float] = []
        #: Warm-up and end included.
        self.answers = 0
        #: Set after so many of them.
        self.warm = asyncio.Event()
        self.warm_up = warm_up
        self.unexpected: dict[str, int] = {}


class Connection(asyncio.Protocol):
    """Sends the next request when the answer is complete."""

    def __init__(self, load: Load) -> None:
        self.closed = asyncio.get_running_loop().create_future()
        self._load = load
        self._buffer = bytearray()
        self._sent_at = 0.0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do not derive from asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        size = answer_size(self._buffer)
        if size is None or len(self._buffer) < size:
            return
        load = self._load
        load.answers += 1
        if load.answers == load.warm_up:
            load.warm.set()
        status = bytes(self._buffer[9:12])
        if status != load.status:
            load.unexpected[status.decode()] = load.unexpected.get(status.decode(), 0) + 1
        elif load.counting:
            load.times.append(time.perf_counter() - self._sent_at)
        del self._buffer[:size]
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._load.stopping:
            self._load.unexpected["lost"] = self._load.unexpected.get("lost", 0) + 1
        if not self.closed.done():
            self.closed.set_result(None)

    def _send(self) -> None:
        if self._transport is None:
            return
        if self._load.stopping:
            self._transport.close()
            return
        self._sent_at = time.perf_counter()
        self._transport.write(self._load.message)


async def run(port: int, connections: int, seconds: float, load: Load) -> float:
    """Load the server; returns the seconds in which requests were counted."""
    loop = asyncio.get_running_loop()
    opened = [
        await loop.create_connection(lambda: Connection(load), "127.0.0.1", port) for _ in range(connections)
    ]
    await asyncio.sleep(WARM_UP_SECONDS)
    # No server is measured while it still opens connections of its own.
    with suppress(TimeoutError):
        await asyncio.wait_for(load.warm.wait(), GRACE_SECONDS)
    load.counting, began = True, time.perf_counter()
    await asyncio.sleep(seconds)
    load.counting, passed = False, time.perf_counter() - began
    load.stopping = True
    await asyncio.wait([protocol.closed for _, protocol in opened], timeout=GRACE_SECONDS)
    return passed


def main() -> None:
    """See the module."""
    port, connections, seconds, status = sys.argv[1:]
    load = Load(sys.stdin.buffer.read(), status.encode(), 2 * int(connections))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        passed = runner.run(run(int(port), int(connections), float(seconds), load))
    times = sorted(load.times) or [0.0]
    print(
        json.dumps(
            {
                "requests": len(load.times),
                "answers": load.answers,
                "seconds": passed,
                "unexpected": load.unexpected,
                "p50": times[len(times) // 2],
                "p99": times[int(len(times) * 0.99)],
            }
        )
    )


if __name__ == "__main__":
    main()
