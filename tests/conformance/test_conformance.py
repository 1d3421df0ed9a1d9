"""Every listed case leaves the same record on stock Celery and under adopt."""

from __future__ import annotations

import pytest

from tests.conformance import cases
from tests.conformance.case import CASES
from tests.conformance.conftest import Records

assert cases

#: On stock Celery, too, these never become ready: their tasks do not want to be seen.
NEVER_READY = {
    "a_task_with_ignored_result",
    "a_failing_task_with_ignored_result",
    "an_ignored_result",
    "an_ignored_task",
    "an_unknown_id_is_pending",
}


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", CASES)
def test_a_case_is_the_same_under_adopt(name: str, stock_records: Records, adopted_records: Records) -> None:
    assert adopted_records[name] == stock_records[name]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_cases_say_something(stock_records: Records) -> None:
    """A case that broke, or waited in vain, on stock Celery would prove nothing."""
    assert len(stock_records) >= 60
    broken = {name: record for name, record in stock_records.items() if "broke" in record}
    assert not broken
    waiting = {name for name, record in stock_records.items() if record.get("state") in ("PENDING", "RETRY")}
    assert waiting == NEVER_READY
