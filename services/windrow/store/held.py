"""Which machines hold jobs now: for whoever decides what machine may go."""

from __future__ import annotations

from collections.abc import Sequence

from windrow.store.op import Op, Query, single

# From the few held jobs, by their own index, to their workers by key: the same cost with a million finished
# jobs. The row of the worker says how many are busy, too, but only as of its last renewal.
_BUSY_HOSTS = """
SELECT w.host, sum(h.held)::bigint
FROM (SELECT worker, count(*) AS held FROM windrow.jobs WHERE state IN ('claimed', 'running') GROUP BY worker) h
JOIN windrow.workers w ON w.id = h.worker
WHERE w.ended_at IS NULL AND w.pool = ANY(%(pools)s)
GROUP BY w.host
"""


@single
def busy_hosts(pools: Sequence[str]) -> Op[dict[str, int]]:
    """host -> jobs claimed or running, of the living workers of these pools; a host without jobs is left out."""
    rows = yield Query(_BUSY_HOSTS, {"pools": list(pools)})
    return {host: int(held) for host, held in rows}


_IN_FLIGHT = """
SELECT w.pool, sum(h.held)::bigint
FROM (SELECT worker, count(*) AS held FROM windrow.jobs WHERE state IN ('claimed', 'running') GROUP BY worker) h
JOIN windrow.workers w ON w.id = h.worker
WHERE w.pool = ANY(%(pools)s)
GROUP BY w.pool
"""


@single
def in_flight(pools: Sequence[str]) -> Op[dict[str, int]]:
    """pool -> jobs claimed or running, of all its workers; 0 for a pool without."""
    rows = yield Query(_IN_FLIGHT, {"pools": list(pools)})
    return {**dict.fromkeys(pools, 0), **{pool: int(held) for pool, held in rows}}
