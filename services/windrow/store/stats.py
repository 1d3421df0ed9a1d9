"""What the statistics say: totals that only grow, whatever becomes of jobs, workers and history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from windrow.store.op import Op, Query, single


class Series(NamedTuple):
    """One counter of a task on a queue, by its label."""

    task: str
    queue: str
    #: submitted, finished, reopened, attempts, failures, retries; histograms: wait, run, total.
    name: str
    #: Label (a state, an outcome, a class, a bucket's upper bound) -> how often.
    counts: Mapping[str, int]
    #: Of a histogram: the sum.
    seconds: float


class Stats(NamedTuple):
    """Everything, at one instant."""

    series: Sequence[Series]
    #: (task, queue) of each task that a current release declares.
    declared: Sequence[tuple[str, str]]
    #: What workers counted, by pool: dropped, late, lost -> number.
    pools: Mapping[str, Mapping[str, int]]
    #: When fold last counted, in seconds since 1970.
    folded_at: float


# One statement, one snapshot: a worker's row that retain adds to the statistics is in one of the two.
_READ = """
SELECT task, queue, name, array_agg(label), array_agg(n), sum(seconds) FROM windrow.stats
WHERE task <> '' GROUP BY task, queue, name
UNION ALL
SELECT name, queue, 'declared', NULL, NULL, 0 FROM windrow.tasks WHERE retired_at IS NULL
UNION ALL
SELECT '', pool, 'pool', ARRAY['dropped', 'late', 'lost'], ARRAY[sum(dropped), sum(late), sum(lost)]::bigint[], 0
FROM (
    SELECT pool, dropped, late, 0 AS lost FROM windrow.workers WHERE pool <> ''
    UNION ALL
    SELECT pool, 0, 0, 0 FROM windrow.tasks
    UNION ALL
    SELECT label, CASE name WHEN 'dropped' THEN n ELSE 0 END, CASE name WHEN 'late' THEN n ELSE 0 END,
           CASE name WHEN 'lost' THEN n ELSE 0 END FROM windrow.stats WHERE task = ''
) AS p GROUP BY pool
UNION ALL
SELECT '', '', 'folded', NULL, NULL, extract(epoch FROM folded_at) FROM windrow.stats_cursor
ORDER BY 1, 2, 3
"""


@single
def read() -> Op[Stats]:
    """All counters, and what must be there at 0 from the start."""
    rows = yield Query(_READ)
    series: list[Series] = []
    declared: list[tuple[str, str]] = []
    pools: dict[str, Mapping[str, int]] = {}
    folded_at = 0.0
    for task, queue, name, labels, numbers, seconds in rows:
        if name == "declared":
            declared.append((task, queue))
        elif name == "pool":
            pools[queue] = dict(zip(labels, numbers, strict=True))
        elif name == "folded":
            folded_at = float(seconds)
        else:
            series.append(Series(task, queue, name, dict(zip(labels, numbers, strict=True)), float(seconds)))
    return Stats(series, declared, pools, folded_at)
