"""The lease's thread: whatever goes wrong beside it, it renews."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from windrow.store.workers import Renewal, WorkerRow, renew
from windrow.worker.lease import LeaseThread

ROW = WorkerRow("w1", "n", "default", "prefork", ["q"], 2, "r1", "h", 1)


class FakeLedger:
    """Counts renewals; all is well."""

    def __init__(self) -> None:
        self.renewals = 0

    def run(self, op: Callable[..., Any], *args: Any) -> Renewal:
        self.renewals += op is renew
        return Renewal(True, False, [], [])

    def close(self) -> None:
        """Nothing to close."""


class Silence:
    """Signals that never come."""

    def wait(self, timeout: float) -> str | None:
        time.sleep(timeout)
        return None

    def close(self) -> None:
        """Nothing to close."""


class Clumsy:
    """Breaks at every look."""

    def introduced(self) -> None:
        """Good."""

    def state(self) -> tuple[int, bool, Sequence[tuple[str, int]]]:
        return 0, False, []

    def for_nothing(self) -> tuple[int, int]:
        return 0, 0

    def answered(self, answer: Renewal) -> None:
        """Good."""

    def watch(self) -> None:
        raise ValueError("broken")


def test_what_breaks_between_two_renewals_does_not_end_them() -> None:
    ledger = FakeLedger()
    thread = LeaseThread(ledger, Silence(), ROW, [], 0.3, Clumsy())  # type: ignore[arg-type]
    thread.start()
    deadline = time.monotonic() + 30
    while ledger.renewals < 3:
        assert thread.is_alive()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    thread.stop(10)
    assert not thread.is_alive()
