"""The task of the delays app: a wait that can be stopped."""

import time
from datetime import UTC, datetime
from typing import Any

from celery import shared_task
from pydantic import ValidationError

from windrow import checkpoint
from windrow_apps.delays.models import Delay, Wish

#: In a prefork pool a signal ends the wait at once; in the others a cancel is seen this much later.
STEP_SECONDS = 0.2


@shared_task(name="delays.process")
def process(delay: Delay) -> dict[str, Any]:
    """Wait `delay` seconds and say when that was, and how long it took by a clock that nobody sets."""
    try:
        Wish(delay=delay)
    except ValidationError as exc:
        # A job may come by other ways than our route and /v1, which read the hint.
        raise ValueError(f"delay: {exc.errors()[0]['msg']}") from None
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
