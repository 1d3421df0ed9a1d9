"""Count what happens to jobs without the end of an attempt: rows that fold adds to the statistics.

A delta is committed with what it counts, or not at all, and nobody waits for anybody to write one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from windrow.core.states import State
from windrow.store.op import Op, Query

_INSERT = """
INSERT INTO windrow.stats_deltas (task, queue, name, label, n)
SELECT task, queue, %(name)s, %(label)s, n FROM unnest(%(task)s::text[], %(queue)s::text[], %(n)s::bigint[])
    AS d(task, queue, n)
"""


def count_ends(state: State, jobs: Iterable[Sequence[str]]) -> Op[None]:
    """(task, queue) of jobs that this transaction moved to a final state."""
    yield from _count("finished", state.value, jobs)


def count_reopened(jobs: Iterable[Sequence[str]]) -> Op[None]:
    """(task, queue) of ended jobs that this transaction lets run again."""
    yield from _count("reopened", "", jobs)


def _count(name: str, label: str, jobs: Iterable[Sequence[str]]) -> Op[None]:
    counts = Counter((task, queue) for task, queue in jobs)
    if counts:
        yield Query(
            _INSERT,
            {
                "name": name,
                "label": label,
                "task": [task for task, _ in counts],
                "queue": [queue for _, queue in counts],
                "n": list(counts.values()),
            },
        )
