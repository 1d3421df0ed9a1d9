"""Rows that make a statement fail: found one by one and left out for a while, so that they hold up nobody else."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from windrow.core.errors import LedgerUnavailable

T = TypeVar("T")
logger = logging.getLogger(__name__)

#: Rows remembered at most; with more than that something else is wrong.
MAX_ROWS = 1000


class Quarantine:
    """The bad rows of one chore."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._until: dict[str, float] = {}
        self._errors: list[str] = []

    @property
    def skip(self) -> list[str]:
        """Ids to leave out now."""
        now = self._clock()
        self._until = {row: until for row, until in self._until.items() if until > now}
        return list(self._until)

    def errors(self) -> list[str]:
        """What was put away since the last call."""
        errors, self._errors = self._errors, []
        return errors

    def put(self, row: str, exc: Exception) -> None:
        """Leave `row` out for a while because of `exc`."""
        logger.error("%s is left out for %g s", row, self._seconds, exc_info=exc)
        self._errors.append(f"{row}: {type(exc).__name__}: {str(exc).strip()}")
        if len(self._until) < MAX_ROWS:
            self._until[row] = self._clock() + self._seconds

    def run(
        self,
        all_at_once: Callable[[Sequence[str]], T],
        rows: Callable[[Sequence[str]], Sequence[str]],
        one: Callable[[str], T],
    ) -> list[T]:
        """`all_at_once(skip)`; if a row spoils it, `one(row)` for each of `rows(skip)`.

        Raises LedgerUnavailable, unless something was done before Postgres went away.
        """
        skip = self.skip
        try:
            return [all_at_once(skip)]
        except LedgerUnavailable:
            raise
        except Exception as exc:
            logger.warning("a row spoils the batch, it is done one by one: %s", exc)
        results: list[T] = []
        for row in rows(skip):
            try:
                results.append(one(row))
            except LedgerUnavailable:
                if not results:
                    raise
                break
            except Exception as exc:
                self.put(row, exc)
        return results
