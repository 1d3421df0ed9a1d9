"""The moment inside a job's id."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from windrow.core.ids import lowest_id_at, made_at


def test_a_moment_comes_back_out_of_its_lowest_id() -> None:
    moment = datetime(2026, 12, 1, 16, 30, tzinfo=UTC)
    assert made_at(lowest_id_at(moment)) == moment


@pytest.mark.parametrize(
    "job_id", ["order.7", "6f9a8d7c-3b52-4f5e-9c41-77696e64726f", "ffffffff-ffff-7fff-bfff-ffffffffffff"]
)
def test_an_id_without_a_moment_that_can_be_has_none(job_id: str) -> None:
    assert made_at(job_id) is None
