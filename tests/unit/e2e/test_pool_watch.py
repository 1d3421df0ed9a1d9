"""What is read out of the looks at a pool."""

from __future__ import annotations

from typing import cast

from tests.e2e.cluster import Cluster
from tests.e2e.pool_watch import PoolWatch, Sample


def watched(*looks: str) -> PoolWatch:
    """A look a second; capital letters are ready pods."""
    watch = PoolWatch(cast(Cluster, None), "pool")
    for at, look in enumerate(looks):
        ready = frozenset(name for name in look if name.isupper())
        watch.samples.append(Sample(at, frozenset(look), ready, frozenset()))
    return watch


def test_first_is_when_so_many_were_there_and_none_when_they_never_were() -> None:
    watch = watched("", "a", "A", "AB", "A")
    assert (watch.first(1), watch.first(1, ready=True), watch.first(2), watch.first(3)) == (1, 2, 3, None)
    assert watch.most == 2


def test_who_left_before_a_moment_was_seen_before_it_and_is_not_there_at_it() -> None:
    watch = watched("", "AB", "ABC", "AC", "A", "")
    assert watch.left_before(2.5) == set()
    assert watch.left_before(3.5) == {"B"}
    assert watch.left_before(4.5) == {"B", "C"}
