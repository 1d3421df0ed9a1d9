"""Wrong versions of an alert: each changes one thing that its promtool test must notice."""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

#: A comparison's opposite; the operators of a matcher stand in braces and are no comparisons.
OPPOSITES = {">": "<=", ">=": "<", "<": ">=", "==": "!="}
_COMPARISON = re.compile(r"(?<=[\s)])(>=|<=|==|>|<)\s+(-?\d+(?:\.\d+)?)?")
_WINDOW = re.compile(r"\[(\d+)(\w)\]")
_OBJECTIVE = re.compile(r"\(1 - (0\.\d+)\)")
_MATCHER = re.compile(r'(?<=[{,])(?!namespace)\w+=~?"(?!\.\+")[^"]*",?')
_SET = re.compile(r"\b(and|unless)\b")
Alert = dict[str, Any]


def mutants(alert: Alert) -> Iterator[tuple[str, Alert]]:
    """What was changed, and the alert with it."""
    for text in dict.fromkeys(_expressions(alert["expr"])):
        yield text, _with(alert, expr=text)
    number, unit = re.fullmatch(r"(\d+)(\w)", alert["for"]).groups()  # type: ignore[union-attr]
    yield "for nothing", _with(alert, **{"for": "0s"})
    yield "for twice as long", _with(alert, **{"for": f"{2 * int(number)}{unit}"})


def _with(alert: Alert, **change: str) -> Alert:
    return {**deepcopy(alert), **change}


def _expressions(expr: str) -> Iterator[str]:
    for found in _COMPARISON.finditer(expr):
        sign, number = found.groups()
        yield _put(expr, found.span(1), OPPOSITES[sign])
        if number is not None:
            for other in _others(float(number)):
                yield _put(expr, found.span(2), other)
    for found in _OBJECTIVE.finditer(expr):
        for other in _others(1 - float(found[1])):
            yield _put(expr, found.span(), f"({other})")
    for found in _WINDOW.finditer(expr):
        seconds = int(found[1]) * {"s": 1, "m": 60, "h": 3600}[found[2]]
        for other_seconds in (seconds // 2, seconds * 2):
            yield _put(expr, found.span(), f"[{other_seconds}s]")
    for matcher in dict.fromkeys(_MATCHER.findall(expr)):
        yield expr.replace(matcher, "")
    for found in _SET.finditer(expr):
        yield _put(expr, found.span(), "or" if found[1] == "unless" else "unless")
    if "absent(" in expr:
        yield expr.replace("absent(", "(")
    if "_up{" in expr and "max without" in expr:
        yield expr.replace("max without", "min without")


def _others(number: float) -> tuple[str, str]:
    return (f"{number / 2:g}", f"{number * 2:g}") if number else ("-1", "1")


def _put(text: str, span: tuple[int, int], new: str) -> str:
    return text[: span[0]] + new + text[span[1] :]
