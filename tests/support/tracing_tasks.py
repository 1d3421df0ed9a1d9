"""Tasks with spans of their own: `WINDROW_APPS=tests.support.tracing_tasks:SPEC`."""

from __future__ import annotations

import sys
from typing import Any

from celery import Task, chain, chord, shared_task

from windrow.apps import AppSpec

SPEC = AppSpec("tracing", "tests.support.tracing_tasks")


@shared_task(name="step")
def step(*_: Any) -> None:
    """Do nothing."""


@shared_task(name="outer")
def outer() -> None:
    """Submit inside of a span of its own."""
    from opentelemetry import trace

    with trace.get_tracer("shop").start_as_current_span("pack"):
        step.delay()


@shared_task(name="canvas")
def canvas() -> None:
    """A chain whose last step is a chord's."""
    chain(step.si(), chord([step.si(), step.si()], step.si())).delay()


@shared_task(name="flaky", bind=True)
def flaky(self: Task[..., Any]) -> None:
    """Fail once, and ask for another attempt."""
    if not self.request.retries:
        raise self.retry(countdown=0)


@shared_task(name="broken")
def broken() -> None:
    """Fail."""
    raise ValueError("no")


@shared_task(name="modules")
def modules() -> list[str]:
    """What of OpenTelemetry is imported."""
    return [name for name in sys.modules if name.startswith("opentelemetry")]
