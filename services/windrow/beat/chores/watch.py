"""How long Postgres has been answering without a gap: before a whole lease of it, no lease may be called lapsed."""

from __future__ import annotations

from datetime import datetime

from windrow.store.rescue import Glance


class Watch:
    """Counts by the database's clock, which stands still for nobody."""

    def __init__(self, max_gap: float) -> None:
        """`max_gap`: seconds between two glances after which there may have been an outage."""
        self._max_gap = max_gap
        self._since: datetime | None = None
        self._last: Glance | None = None

    def reset(self) -> None:
        """An answer did not come."""
        self._since = None

    def see(self, glance: Glance) -> float:
        """The seconds watched, this glance included."""
        last, self._last = self._last, glance
        if glance.is_standby:
            # Workers cannot renew on it.
            self._since = None
            return 0.0
        if self._since is None or last is None or not self._continues(last, glance):
            self._since = glance.at
        return (glance.at - self._since).total_seconds()

    def _continues(self, last: Glance, glance: Glance) -> bool:
        if last.started_at != glance.started_at or last.is_standby:
            # It was restarted, or another server was promoted: nobody could renew meanwhile.
            return False
        return 0 <= (glance.at - last.at).total_seconds() <= self._max_gap
