"""Whether the broker answers now."""

from __future__ import annotations

from windrow.api.services import Services
from windrow.apps import DEFAULT_QUEUE
from windrow.broker.errors import BrokerUnavailable


async def broker_answers(services: Services) -> bool:
    """Ask it, Redis or RabbitMQ; a silent one takes the client's own time-out, so bound the wait."""
    try:
        await services.depth.depths([DEFAULT_QUEUE])
    except BrokerUnavailable:
        return False
    return True
