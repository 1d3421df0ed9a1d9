"""What becomes of a job whose outcome the ledger cannot store: it fails, and says why."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

from windrow.core.job import Outcome
from windrow.worker.desk import Desk
from windrow.worker.verdict import refused

#: At most so long between two tries to save what the ledger refuses to store at all.
AGAIN_SECONDS = 10.0


def on_refused(desk: Desk, finish: Callable[[Outcome], None], outcome: Outcome, exc: Exception) -> None:
    """Finish with the refusal instead of `outcome`; `exc` is what the ledger said."""
    entry = desk.entries.get(outcome.job_id)
    if entry is None or entry.held is None:
        return
    if not entry.refused:
        entry.refused = True
        finish(refused(entry.held, entry.began, outcome, exc))
        return
    # Not even the refusal: something is wrong with the job's row. Kept, and tried again now and then.
    again = threading.Timer(random.uniform(0.5, 1) * AGAIN_SECONDS, finish, [outcome])
    again.daemon = True
    again.start()
