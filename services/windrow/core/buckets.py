"""The buckets of every histogram of seconds: from milliseconds to a day, for jobs do both."""

from __future__ import annotations

from collections.abc import Mapping

#: Upper bounds in seconds, each included in its bucket.
BOUNDS = (
    *(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
    *(60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 21600.0, 86400.0),
)
INF = "+Inf"
#: The same as the ledger and Prometheus write them, and a last one for everything above.
LABELS = (*map(str, BOUNDS), INF)


def cumulative(counts: Mapping[str, int]) -> list[tuple[str, float]]:
    """`(label, how many at or under it)` for every label, from the number in each bucket.

    A bound that an earlier release had counts into the next one of ours: nothing is lost.
    """
    ordered = sorted((float(label), n) for label, n in counts.items())
    found: list[tuple[str, float]] = []
    total, at = 0, 0
    for label in LABELS:
        while at < len(ordered) and ordered[at][0] <= float(label):
            total += ordered[at][1]
            at += 1
        found.append((label, float(total)))
    return found
