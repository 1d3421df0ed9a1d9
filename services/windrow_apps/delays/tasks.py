"""The task of the delays app: a wait that can be stopped."""

import time
from datetime import UTC, datetime
from typing import Any

from celery import shared_task

from windrow import checkpoint

#: In a prefork pool a signal ends the wait at once; in the others a cancel is seen this much later.
STEP_SECONDS = 0.2


@shared_task(name="delays.process")
def process(delay: float) -> dict[str, Any]:
    """Wait `delay` seconds and say when that was, and how long it took by a clock that nobody sets."""
    started_at = datetime.now(UTC)
    began = time.monotonic()
    while (left := began + delay - time.monotonic()) > 0:
        checkpoint()
        time.sleep(min(left, STEP_SECONDS))
    return {
        "delay": delay,
        "waited": round(time.monotonic() - began, 6),
        "started_at": started_at.isoformat(),
        "finished_at": datetime.now(UTC).isoformat(),
    }
