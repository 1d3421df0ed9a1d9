"""Inputs against a task's schema: keyword, positional and single ones."""

from __future__ import annotations

import json
from typing import Any

import pytest

from windrow.api.input_check import InputCheck

CHECK = InputCheck(
    json.dumps(
        {
            "type": "object",
            "properties": {"x": {"type": "integer"}, "y": {"type": "array", "items": {"type": "string"}}},
            "required": ["x"],
            "additionalProperties": False,
        }
    )
)


@pytest.mark.parametrize(
    ("args", "kwargs", "single", "pointers"),
    [
        ([], {"x": 1}, False, []),
        ([1, ["a"]], {}, False, []),
        ([1], {"y": []}, False, []),
        ([], {}, False, ["/input"]),
        ([], {"x": 1, "y": ["a", 2]}, False, ["/input/y/1"]),
        ([1, ["a", 2]], {}, False, ["/input/1/1"]),
        (["a"], {}, True, ["/input"]),
        ([1, [], 3], {}, False, ["/input"]),
        ([], {"x": 1, "z": 1}, False, ["/input"]),
    ],
)
def test_flaws_point_into_the_input_as_it_was_written(
    args: list[Any], kwargs: dict[str, Any], single: bool, pointers: list[str]
) -> None:
    assert [flaw.pointer for flaw in CHECK.flaws(args, kwargs, single)] == pointers


def test_a_task_with_more_arguments_than_its_schema_names_takes_them() -> None:
    check = InputCheck('{"type": "object", "properties": {"x": {"type": "integer"}}}')
    assert check.flaws([1, 2, 3], {}) == []


@pytest.mark.parametrize("schema", ['{"type": "nonsense"}', "5", '{"$ref": "#/nowhere"}'])
def test_a_schema_that_is_none_refuses_nothing(schema: str) -> None:
    assert InputCheck(schema).flaws([], {"anything": 1}) == []


def test_a_long_value_is_not_repeated_to_its_sender() -> None:
    assert all(len(flaw.message) < 400 for flaw in CHECK.flaws([], {"x": "long " * 100_000}))


def test_a_whole_number_with_a_point_is_an_integer_where_the_task_wants_one() -> None:
    args, kwargs = CHECK.exact([], {"x": 2.0, "y": [1.0]})
    assert (args, kwargs["y"]) == ([], [1.0])
    assert type(kwargs["x"]) is int
    args, kwargs = CHECK.exact([2.0, 3.0, float("inf")], {})
    assert [type(value) for value in args] == [int, float, float]
    assert CHECK.exact([True], {"x": 2}) == ([True], {"x": 2})
