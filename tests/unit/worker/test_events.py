"""Task events gather for a moment: one call to the broker carries those of many short jobs."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from windrow.worker.steps import EVENTS_AT_ONCE, EVENTS_SECONDS, gathering


def test_events_of_many_jobs_go_in_one_call_a_moment_later() -> None:
    later: list[tuple[float, Any]] = []
    flushed: list[int] = []
    consumer = SimpleNamespace(
        event_dispatcher=SimpleNamespace(buffer_limit=24), _flush_events=lambda: flushed.append(1)
    )
    hub = SimpleNamespace(call_later=lambda seconds, call: later.append((seconds, call)))
    buffered = gathering(SimpleNamespace(consumer=consumer, hub=hub))
    for _ in range(5):
        buffered()
    [(seconds, send)] = later
    assert (seconds, flushed) == (EVENTS_SECONDS, [])
    assert consumer.event_dispatcher.buffer_limit == EVENTS_AT_ONCE
    send()
    assert flushed == [1]
    buffered()
    assert len(later) == 2
