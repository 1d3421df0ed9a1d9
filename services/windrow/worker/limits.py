"""Hard limits in pools that cannot kill a task: the job fails in the ledger, and the worker drains and goes."""

from __future__ import annotations

import os
import signal
import time

from celery.utils.log import get_logger

from windrow.worker.desk import Desk

logger = get_logger(__name__)


def end_overdue(desk: Desk) -> None:
    """Fail what ran past its limit in a threads or solo pool; called by a thread that tasks do not block."""
    now = time.monotonic()
    for entry in desk.running():
        hard = entry.request.time_limits[0] if entry.request is not None else None
        if entry.began is None or not hard or now - entry.began < hard:
            continue
        logger.error(
            "Job %s ran past its hard limit of %s s; this worker drains and ends.", entry.job_id, hard
        )
        entry.request.on_timeout(False, hard)
        os.kill(os.getpid(), signal.SIGTERM)
