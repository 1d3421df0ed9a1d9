"""When the channel may consume: by the worker's budget for our queues, by prefetch count for others."""

from __future__ import annotations

import logging
import time
from typing import Any

from kombu.transport import redis as stock

from windrow.broker.intake import Budget

logger = logging.getLogger(__name__)

#: Seconds without a take by claim-ahead after it met a slow message, unless a child is free.
SLOW_PAUSE_SECONDS = 0.1
NOTHING = Budget(0, paused=True)


_QoS: Any = stock.QoS


class QoS(_QoS):
    """Stock ack emulation, which our messages never meet, plus a budget for the queues of the intake."""

    _slow_until = 0.0

    def saw_slow(self) -> None:
        """The next message may not be claimed ahead: do not ask again at once."""
        self._slow_until = time.monotonic() + SLOW_PAUSE_SECONDS

    def budget(self) -> Budget:
        """What the worker wants now, less what would not be given anyway."""
        wanted: Budget = self.channel.windrow_intake.budget()
        if wanted.paused:
            return NOTHING
        if wanted.free <= 0 and (not wanted.fast_tasks or time.monotonic() < self._slow_until):
            return NOTHING
        return wanted

    def can_consume(self) -> bool:
        if not self.channel.our_queues:
            return bool(super().can_consume())
        wanted = self.budget()
        return wanted.free > 0 or wanted.ahead > 0

    def restore_visible(self, *args: Any, **kwargs: Any) -> None:
        # Other workers' messages are none of our business; ours never come back by age.
        if self.channel.stock_queues:
            super().restore_visible(*args, **kwargs)

    def restore_unacked_once(self, stderr: Any = None) -> None:
        # On a connection that is gone kombu fails here with whatever comes, and the worker with it.
        try:
            super().restore_unacked_once(stderr)
        except Exception:
            logger.warning("could not give back unacknowledged messages", exc_info=True)
