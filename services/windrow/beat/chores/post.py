"""Send the messages of what a transaction just committed; what cannot be sent is the relay's."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

from windrow.beat.chores.chore import Tools
from windrow.broker.errors import BrokerUnavailable
from windrow.broker.message import Message
from windrow.core.job import NewJob
from windrow.store.queues import unpublish
from windrow.store.sent import Sent

logger = logging.getLogger(__name__)


def post(tools: Tools, sent: Sequence[Sent], finished: Sequence[str] = ()) -> bool:
    """Whether all went out; `finished` are ids whose waiters are to look again.

    Raises LedgerUnavailable when what was refused could not be noted: settle finds it.
    """
    if not sent and not finished:
        return True
    try:
        refused = tools.publisher.publish([Message(*one) for one in sent], finished).refused_ids
    except BrokerUnavailable as exc:
        logger.warning("%d messages are left to the relay: %s", len(sent), exc)
        refused = tuple(one.id for one in sent)
    if refused:
        tools.ledgers.run(unpublish, list(refused))
    return not refused


def as_sent(jobs: Iterable[NewJob]) -> list[Sent]:
    """The messages of jobs that were just inserted."""
    return [Sent(job.id, job.task, job.queue, job.priority, False) for job in jobs]
