"""Celery's per-task message handler: hands every message to the worker's hold, which claims in batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def default(task: Any, app: Any, consumer: Any, **_: Any) -> Callable[..., None]:
    """Build the handler of `task`'s messages; see `celery.worker.strategy.default` for its signature."""
    hold = consumer.controller.windrow

    def on_message(message: Any, body: Any, ack: Any, reject: Any, callbacks: Any, **__: Any) -> None:
        hold.offer(message)

    return on_message
