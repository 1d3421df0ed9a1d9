"""Who may act: the rules of a Lease, without I/O.

Clocks of two machines are never compared. A candidate trusts only what it saw itself: as long as the holder's
record changes within its duration, measured on the candidate's own clock from the moment that it saw the
change, the holder lives. The moments written into the Lease are for people.
"""

from __future__ import annotations

from typing import NamedTuple


class Record(NamedTuple):
    """What a Lease says."""

    holder: str
    duration_seconds: int
    acquired: str
    renewed: str
    transitions: int


class Candidate:
    """One replica's view; `now` is a clock that never goes back."""

    def __init__(self, identity: str, lease_seconds: int) -> None:
        self.identity = identity
        self._seconds = lease_seconds
        self._seen: Record | None = None
        self._seen_at = 0.0

    def may_take(self, record: Record, now: float) -> bool:
        """Whether the Lease is ours, nobody's, or of a holder that was silent for all of its duration."""
        if record != self._seen:
            self._seen, self._seen_at = record, now
        if record.holder in ("", self.identity):
            return True
        return now >= self._seen_at + record.duration_seconds

    def claim(self, record: Record | None, moment: str) -> Record:
        """The record with which we hold it from now on; `moment` is what a person would read."""
        if record is None:
            return Record(self.identity, self._seconds, moment, moment, 0)
        if record.holder == self.identity:
            return Record(self.identity, self._seconds, record.acquired or moment, moment, record.transitions)
        return Record(self.identity, self._seconds, moment, moment, record.transitions + 1)

    def release(self, record: Record, moment: str) -> Record:
        """The record that lets the next one in at once."""
        return Record("", 1, record.acquired, moment, record.transitions)
