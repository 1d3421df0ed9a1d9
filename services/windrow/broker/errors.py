"""What the broker raises."""

from __future__ import annotations

from windrow.core.errors import WindrowError


class BrokerUnavailable(WindrowError):
    """Redis did not answer in time, or refused (read-only, out of memory): nothing may be relied upon.

    Never a reason to fail a job: the ledger has it, and the relay publishes it later.
    """
