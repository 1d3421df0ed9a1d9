"""Does the ledger answer, with the schema that this release needs?"""

from __future__ import annotations

from windrow.store.op import Op, Query, single


@single
def ping() -> Op[None]:
    """Nothing changes."""
    yield Query("SELECT 1 FROM windrow.jobs LIMIT 1")
