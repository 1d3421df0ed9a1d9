"""Sends jobs to the neighbour's own worker, and one where it does not belong."""

from __future__ import annotations

import sys

from tests.conformance.stock_app import add

JOBS = 50


def main() -> int:
    """Ends with 0 when every job of its own came back right."""
    add.apply_async((1, 1), queue="shop")
    results = [add.delay(i, i) for i in range(JOBS)]
    total = sum(result.get(timeout=60) for result in results)
    return int(total != sum(2 * i for i in range(JOBS)))


if __name__ == "__main__":
    sys.exit(main())
