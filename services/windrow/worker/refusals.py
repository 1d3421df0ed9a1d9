"""What becomes of a job whose outcome the ledger cannot store: it fails, and says why; other refusals pass."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

from windrow.core.job import Outcome
from windrow.store.bad_row import refusal
from windrow.worker.desk import Desk
from windrow.worker.verdict import refused

#: At most so long between two tries to save what the ledger refuses to store at all.
AGAIN_SECONDS = 10.0


def on_refused(desk: Desk, finish: Callable[[Outcome], None], outcome: Outcome, exc: Exception) -> None:
    """Finish with the refusal instead of `outcome` when `exc`, what the ledger said, is about the outcome's data."""
    entry = desk.entries.get(outcome.job_id)
    if entry is None or entry.held is None:
        return
    if not entry.refused and refusal(exc) is not None:
        entry.refused = True
        finish(refused(entry.held, entry.began, outcome, exc))
        return
    # Not even the refusal: something is wrong with the job's row. Or with the ledger: a right is missing, an index
    # is broken; then the job's own outcome is as good as ever. Kept, and tried again now and then.
    again = threading.Timer(random.uniform(0.5, 1) * AGAIN_SECONDS, finish, [outcome])
    again.daemon = True
    again.start()
