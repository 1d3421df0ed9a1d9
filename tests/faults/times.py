"""The time constants of the crash tests: about a tenth of the real ones, so that a recovery takes seconds."""

from __future__ import annotations

import os

from tests.faults import sizes

#: `make crash`: more kills.
FULL = os.environ.get("WINDROW_CRASH") == "full"

#: WINDROW_* variables; the comment is what a release runs with.
TIMES = {
    "LEASE_SECONDS": "2",  # 15
    "RESCUE_SECONDS": "0.2",  # 1
    # Not a tenth: on a busy machine every pass would look like one after an outage, and nobody would be rescued.
    "RESCUE_GAP_SECONDS": "2",  # 5
    "SETTLE_AFTER_SECONDS": "2",  # 30
    "SETTLE_EVERY_SECONDS": "1",  # 30
    "SETTLE_SECONDS": "0.5",  # 5
    "PROMOTE_SECONDS": "0.2",  # 1
    "RELAY_SECONDS": "0.2",  # 1
    "EXPIRE_SECONDS": "0.2",  # 1
    "TICK_SECONDS": "0.2",  # 1
    "FAILURE_SECONDS": "0.5",  # 3
    "QUARANTINE_SECONDS": "5",  # 60
    "API_CATALOG_SECONDS": "1",  # 5
    "API_LEDGER_SECONDS": "1",  # 3
    "API_STATEMENT_SECONDS": "1",  # 10
    "CANCEL_GRACE_SECONDS": "0.5",  # 5
}

#: Not a time: lists this short make the relay work with a load of dozens.
WINDOW = {"WINDOW": "20"}


def environment() -> dict[str, str]:
    """What every door is given; the full run of the faults works with the real times."""
    if sizes.FULL:
        return {}
    return {f"WINDROW_{name}": value for name, value in (TIMES | WINDOW).items()}
