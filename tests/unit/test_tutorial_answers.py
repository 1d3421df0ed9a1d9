"""How the answers of the tutorial are compared: what differs is seen."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.tutorial import Example, check


def seen(shown: Any, printed: Any) -> bool:
    try:
        check(Example("curl", "json", json.dumps(shown)), json.dumps(printed))
    except AssertionError:
        return False
    return True


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ({"a": "…", "b": ["x", "…"]}, {"a": 1, "b": ["x", "y"], "c": 2}),
        ({"a": "/reports/….pdf"}, {"a": "/reports/1.pdf"}),
        ([{"a": 1}], [{"a": 1, "b": 2}]),
        ({"a": None}, {"a": None}),
    ],
)
def test_an_answer_may_say_more_than_a_page_shows(shown: Any, printed: Any) -> None:
    assert seen(shown, printed)


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ({"a": 1}, {"b": 1}),
        ({"a": 1}, {"a": 2}),
        ({"a": 1}, {"a": True}),
        ({"a": "…"}, {"a": None}),
        ({"a": "/x/…"}, {"a": "/y/1"}),
        (["x"], ["x", "y"]),
        (["x", "y", "…"], ["x"]),
        ({"a": 1}, None),
    ],
)
def test_one_that_differs_is_seen(shown: Any, printed: Any) -> None:
    assert not seen(shown, printed)
