"""All that one beat runs beside its schedules: the chores, their connections, and the ear for wake-ups."""

from __future__ import annotations

from windrow.beat.chores.chore import Tools
from windrow.beat.chores.expire import Expire
from windrow.beat.chores.fold import Fold
from windrow.beat.chores.listen import Listener
from windrow.beat.chores.promote import Promote
from windrow.beat.chores.relay import Relay
from windrow.beat.chores.rescue import Rescue
from windrow.beat.chores.retain import Retain
from windrow.beat.chores.runner import Runner
from windrow.beat.chores.settle import Settle
from windrow.beat.ledgers import Ledgers
from windrow.beat.settings import BeatSettings
from windrow.broker.depth import Depth
from windrow.broker.keys import BEAT_CHANNEL
from windrow.broker.publisher import Publisher
from windrow.broker.signals import Signals
from windrow.store.chores import record


class Crew:
    """Starts the chores and ends them; connects when they need to."""

    def __init__(self, settings: BeatSettings) -> None:
        self._settings = settings
        self.tools = Tools(
            settings,
            Ledgers(settings.database_url, settings.beat_connections, prepare=settings.prepared_statements),
            Publisher(settings.redis_url, settings.window),
            Depth(settings.redis_url),
            self.wake,
        )
        chores = [kind(self.tools) for kind in (Promote, Relay, Settle, Rescue, Expire, Fold, Retain)]
        self._runner = Runner(chores, self.record, settings)
        self._listener = Listener(Signals(settings.redis_url, [BEAT_CHANNEL]), self.wake)

    def start(self) -> None:
        """Start every thread."""
        self._runner.start()
        self._listener.start()

    def wake(self, name: str) -> None:
        """Wake a chore; names that are none's are ignored."""
        self._runner.wake(name)

    def failing(self) -> int:
        """How many chores failed at their last pass."""
        return self._runner.failing()

    def record(self, name: str, succeeded: bool, error: str | None, done: int) -> None:
        """Note how a chore fares; raises LedgerUnavailable."""
        self.tools.ledgers.run(record, name, succeeded, error, done)

    def stop(self) -> bool:
        """Whether every thread ended in time; then the connections are closed, too. May be called again."""
        self._listener.stop()
        ended = self._runner.stop(self._settings.stop_seconds)
        if self._listener.ident is not None:
            self._listener.join(self._settings.stop_seconds)
        return ended and not self._listener.is_alive()

    def close(self) -> None:
        """Close the connections; after `stop` said that nobody uses them."""
        self.tools.ledgers.close()
        self.tools.publisher.close()
        self.tools.depth.close()
