"""What the worker gets for a message that was taken: as much of a kombu message as it looks at."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from windrow.broker.message import decode, is_compact
from windrow.broker.rabbit.queues import body

#: (connection's number, delivery tag): a tag means nothing on the next connection.
Tag = tuple[int, int]


class RabbitMessage:
    """A wake-up, or with the header `windrow_foreign` a full Celery message."""

    def __init__(self, raw: Any, tag: Tag, queue: str, step: int, end: Callable[[Tag, str], None]) -> None:
        """`end(tag, how)` is called once. Raises ValueError when nobody can make sense of `raw`."""
        payload = body(raw)
        self.delivery_tag = tag
        self.delivery_info = {"exchange": "", "routing_key": queue, "priority": step}
        self.properties = dict(raw.properties)
        self.raw_body = payload
        self._end = end
        self.foreign = not is_compact(payload)
        if self.foreign:
            self.headers = {**(raw.properties.get("application_headers") or {}), "windrow_foreign": True}
            if not isinstance(self.headers.get("task"), str):
                raise ValueError(f"neither a compact nor a Celery message: {payload[:200]!r}")
        else:
            message = decode(payload, queue, step)
            self.headers = {"id": message.id, "task": message.task}

    @property
    def payload(self) -> Any:
        """A Celery message's body; ValueError when it is not JSON."""
        if self.properties.get("content_type", "application/json") != "application/json":
            raise ValueError(f"content type {self.properties['content_type']!r}: the ledger keeps JSON")
        return json.loads(self.raw_body)

    def ack(self) -> None:
        """It has served its purpose."""
        self._end(self.delivery_tag, "done")

    def reject(self, requeue: bool = False) -> None:
        """Nobody may run it; with `requeue` it goes back to its queue."""
        self._end(self.delivery_tag, "returned" if requeue else "refused")
