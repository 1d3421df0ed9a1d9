"""What a message needs of a job: the row that beat's operations return of jobs to be published."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from windrow.store.claim import ALONE_CLAIMS, ALONE_LOSSES
from windrow.store.op import Op, Query


class Sent(NamedTuple):
    """A queued job whose message is to be sent after the commit."""

    id: str
    task: str
    queue: str
    priority: int
    #: Was lost with its worker more than once: runs with nobody beside it.
    alone: bool


#: Columns of `Sent`, from `windrow.jobs j`; as the claim decides it (which counts itself).
SENT = f"j.id, j.task, j.queue, j.priority, j.losses >= {ALONE_LOSSES} OR j.claims >= {ALONE_CLAIMS}"

#: The moment of a publish right after the commit; a paused queue gets no message, the relay sends it later.
PUBLISHED = """CASE WHEN EXISTS (SELECT FROM windrow.queues q WHERE q.name = j.queue AND q.paused_at IS NOT NULL)
                    THEN NULL ELSE clock_timestamp() END"""


def bound_transaction(seconds: float = 10.0) -> Op[None]:
    """Let Postgres end this transaction when its client stops in the middle: its locks would stop others too."""
    yield Query(
        "SELECT set_config('idle_in_transaction_session_timeout', %(ms)s, true)",
        {"ms": str(int(seconds * 1000))},
    )


def as_sent(rows: Sequence[Sequence[object]]) -> list[Sent]:
    """Rows of SENT."""
    return [Sent(*row) for row in rows]  # type: ignore[arg-type]
