"""Which test goes first: the long ones, or a lane would still be at one of them when the others have ended."""

from __future__ import annotations

import pytest

from tests.faults.sizes import FULL

#: Stacks of their own first, while no shared one idles beside them; then the long ones; everything else in its order.
SHORT_FORM = (
    "test_faults_pooled", "test_faults_rabbit", "test_faults_disk", "test_control", "test_faults_failover",
    "test_faults_restore", "a_forgotten_transaction", "test_faults_soak", "test_instants", "a_poison",
    "test_a_backlog_that_nobody_takes", "test_faults_workers", "test_faults",
)  # fmt: skip
#: A lane has two tests at hand: a short one for each of those that four lanes begin with.
FULL_FORM = (
    "after_a_long_outage", "wake_up_after_they", "test_worker_trees_that_are_killed", "are_asked_to_end",
    "test_a_failover", "worst_ways", "hard_limit", "a_rolling_deploy",
    "test_a_backlog_that_nobody_takes", "a_forgotten_transaction", "test_faults_soak", "outlive_the_drain",
    "a_pool_that_shrinks", "test_faults_restore", "test_faults_pooled", "test_faults_rabbit", "each_tick",
    "test_a_full_redis", "test_control", "test_faults_disk", "demoted", "test_faults",
)  # fmt: skip


def place(item: pytest.Item) -> int:
    """Where it stands; the sort keeps the order of equals."""
    words = FULL_FORM if FULL else SHORT_FORM
    return next((n for n, word in enumerate(words) if word in item.nodeid), len(words))
