"""Every flaw that a caller is told has a fix in words."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import get_args

import pytest
from fastapi.exceptions import RequestValidationError
from pydantic_core.core_schema import ErrorType

import windrow
from windrow.api import errors, problems
from windrow.api.fixes import _FIXES, GENERAL, fix_of
from windrow.api.flaws import flaws_of
from windrow.core.errors import InvalidJob, RetiredTask, UnknownTask

SERVICES = Path(windrow.__file__).parent
#: They need a Python object, which no request brings.
PYTHON_ONLY = {
    "no_such_attribute",
    "needs_python_object",
    "frozen_field",
    "frozen_instance",
    "get_attribute_error",
    "dataclass_exact_type",
    "named_tuple_type",
    "default_factory_not_called",
    "iteration_error",
    "set_item_not_hashable",
    "missing_sentinel_error",
    "ellipsis_error",
    "is_instance_of",
    "is_subclass_of",
    "callable_type",
    "fraction_type",
    "fraction_parsing",
    "complex_type",
    "complex_str_parsing",
    # What they mean only their message knows.
    "value_error",
    "assertion_error",
}


@pytest.mark.parametrize("kind", get_args(ErrorType))
def test_every_kind_of_validation_error_has_a_fix_of_its_own(kind: str) -> None:
    assert (fix_of(kind) == GENERAL) == (kind in PYTHON_ONLY)
    found = flaws_of([{"type": kind, "loc": ("a",), "msg": "no"}])
    found += errors.problem_of(
        RequestValidationError([{"type": kind, "loc": ("body", "a"), "msg": "no"}])
    ).flaws
    assert found
    assert all(flaw.fix for flaw in found)


def test_our_own_kinds_have_fixes() -> None:
    """`PydanticCustomError("kind", …)` anywhere in the code."""
    kinds = set()
    for path in SERVICES.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        kinds |= set(re.findall(r'(?:PydanticCustomError|_flaw)\(\s*"(\w+)"', text))
    assert {"one_timing", "moment_range"} <= kinds <= set(_FIXES)


@pytest.mark.parametrize("kind", [InvalidJob, UnknownTask, RetiredTask])
def test_an_error_without_a_fix_gets_one(kind: type[InvalidJob]) -> None:
    (flaw,) = problems.invalid_job(kind("It is wrong", "/task")).flaws
    assert (flaw.pointer, flaw.message) == ("/task", "It is wrong")
    assert flaw.fix


def test_no_flaw_is_written_without_a_fix() -> None:
    """Neither `Flaw(…, "")` nor an InvalidJob that leaves its fix out."""
    bare = []
    for path in SERVICES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = (
                getattr(node.func, "id", getattr(node.func, "attr", "")) if isinstance(node, ast.Call) else ""
            )
            if name not in ("Flaw", "InvalidJob", "UnknownTask", "RetiredTask"):
                continue
            assert isinstance(node, ast.Call)
            words = [*node.args, *(keyword.value for keyword in node.keywords)]
            if len(words) < 3 or (isinstance(words[2], ast.Constant) and not words[2].value):
                bare.append(f"{path.name}:{node.lineno}")
    # What a worker's main process refuses, its child is told as it is.
    assert [place for place in bare if not place.startswith("line.py")] == []


@pytest.mark.parametrize(
    "made",
    [
        problems.malformed("no JSON"),
        problems.too_large("The body", 5),
        problems.too_slow(30),
        problems.key_reused(),
    ],
)
def test_problems_with_flaws_have_fixes(made: problems.Problem) -> None:
    assert made.flaws
    assert all(flaw.fix and flaw.message for flaw in made.flaws)
