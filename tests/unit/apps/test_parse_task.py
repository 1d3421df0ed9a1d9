"""The parse task around its run: when it is tried again, who is told, and its schedule."""

from __future__ import annotations

from typing import Any

import pytest
from celery.exceptions import Retry

from windrow_apps.parse import ending, tasks
from windrow_apps.parse.errors import SourceUnavailable
from windrow_apps.parse.models import Summary
from windrow_apps.parse.schedules import schedules

SUMMARY = {"start_id": 1, "end_id": 2}


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    seen: list[tuple[Any, ...]] = []
    monkeypatch.setattr(
        ending, "notify", lambda kind, subject, text, **to: seen.append((kind, subject, text, to))
    )
    return seen


def test_who_asked_is_told_of_the_end(told: list[tuple[Any, ...]]) -> None:
    kwargs = {**SUMMARY, "notify_email": "ann@example.org", "notify_webhook": None}
    tasks.pages.on_success({"pages": 2, "read": 2}, "some-id", (), kwargs)
    tasks.pages.on_failure(SourceUnavailable("nobody there"), "some-id", (), SUMMARY, None)
    assert told == [
        (
            "success",
            "Parsing of pages 1 to 2 is done",
            "Job some-id. pages: 2, read: 2.",
            {"email": "ann@example.org", "webhook": ""},
        ),
        (
            "failure",
            "Parsing of pages 1 to 2 failed",
            "Job some-id. SourceUnavailable: nobody there",
            {"email": "", "webhook": ""},
        ),
    ]


def away(*_: Any) -> Summary:
    raise SourceUnavailable("nobody there")


def test_a_source_that_is_away_is_tried_again_as_often_as_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "parse_range", away)
    asked: list[dict[str, Any]] = []

    def retry(**options: Any) -> Retry:
        asked.append(options)
        return Retry()

    monkeypatch.setattr(tasks.pages, "retry", retry)
    with pytest.raises(Retry):
        tasks.pages.run(1, 2, retries=4)
    assert asked[0]["max_retries"] == 4
    assert 0 <= asked[0]["countdown"] <= 1
    assert isinstance(asked[0]["exc"], SourceUnavailable)


def test_a_range_is_parsed_again_and_again_where_one_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert schedules() == {}
    monkeypatch.setenv("WINDROW_PARSE_SCHEDULE", "*/15 2 * * 1")
    monkeypatch.setenv("WINDROW_PARSE_SCHEDULE_END_ID", "7")
    entry = schedules()["periodic"]
    assert entry["kwargs"] == {"start_id": 1, "end_id": 7}
    assert (sorted(entry["schedule"].minute), entry["schedule"].hour) == ([0, 15, 30, 45], {2})
    monkeypatch.setenv("WINDROW_PARSE_SCHEDULE", "hourly")
    with pytest.raises(ValueError, match="WINDROW_PARSE_SCHEDULE"):
        schedules()
