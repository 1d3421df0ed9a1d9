"""What tasks of apps take past their routes: from /v1, by their schema; by other ways, by their own check."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from windrow.api.input_check import InputCheck
from windrow.worker.schema import schema_of
from windrow_apps.delays import tasks as delays
from windrow_apps.mailroom import tasks as mailroom
from windrow_apps.parse import tasks as parse


def pointers(task: Any, kwargs: dict[str, Any]) -> list[str]:
    """Where the API finds a flaw in an input for `task`."""
    schema = schema_of(task)
    assert schema is not None
    return [flaw.pointer for flaw in InputCheck(schema).flaws((), kwargs)]


@pytest.mark.parametrize(
    ("task", "kwargs", "where"),
    [
        (delays.process, {"delay": -5}, "/input/delay"),
        (delays.process, {"delay": 3600.1}, "/input/delay"),
        (delays.process, {"delay": "2"}, "/input/delay"),
        (parse.pages, {"start_id": 0, "end_id": 3}, "/input/start_id"),
        (parse.pages, {"start_id": 1, "end_id": 3, "retries": 11}, "/input/retries"),
        (mailroom.report, {"report_type": "yearly", "params": {}}, "/input/report_type"),
    ],
)
def test_v1_refuses_what_the_route_would_and_names_the_field(
    task: Any, kwargs: dict[str, Any], where: str
) -> None:
    assert pointers(task, kwargs) == [where]


@pytest.mark.parametrize(
    ("task", "kwargs"),
    [
        (delays.process, {"delay": 0}),
        (delays.process, {"delay": 3600}),
        (parse.pages, {"start_id": 1, "end_id": 3, "retries": 0}),
        (mailroom.report, {"report_type": "daily", "params": {}, "scheduled": True}),
    ],
)
def test_v1_takes_what_the_route_takes(task: Any, kwargs: dict[str, Any]) -> None:
    assert pointers(task, kwargs) == []


@pytest.mark.parametrize("delay", [-5, 3601, float("nan"), True, "2", None])
def test_a_delay_that_came_by_other_ways_fails_and_names_the_field(delay: Any) -> None:
    with pytest.raises(ValueError, match=r"^delay: "):
        delays.process(delay)


@pytest.mark.parametrize(
    ("report_type", "params"),
    [("yearly", {}), ("daily", {"day": "yesterday"}), ("custom", {"from": "2026-01-02", "to": "2026-01-01"})],
)
def test_a_report_that_came_by_other_ways_fails_before_it_counts(
    report_type: Any, params: dict[str, Any]
) -> None:
    with pytest.raises(ValidationError):
        mailroom.report.run(report_type, params)
