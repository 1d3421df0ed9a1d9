"""What a worker says of itself when it introduces itself to the ledger."""

from __future__ import annotations

import os
import socket

from windrow.store.workers import WorkerRow
from windrow.worker.settings import WorkerSettings


def row_of(settings: WorkerSettings, worker_id: str, name: str, pool_type: str) -> WorkerRow:
    """The row of this process; `name` is Celery's node name, `pool_type` its kind of pool."""
    return WorkerRow(
        worker_id,
        name,
        settings.pool,
        pool_type,
        settings.queue_names,
        settings.concurrency,
        settings.release,
        socket.gethostname(),
        os.getpid(),
    )
