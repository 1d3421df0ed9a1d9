"""Statistics of each column of a stream of records, in memory that does not grow with their number."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from windrow_apps.mailroom.errors import NoRecords

MAX_COLUMNS = 200
#: Different values of a column that are counted; those that come after them are not.
MAX_DISTINCT = 1000
MAX_TOP = 10
MAX_SHOWN_CHARACTERS = 80
MAX_NAME_CHARACTERS = 200
#: Longer numbers are text, as are words like `nan`.
MAX_NUMBER_CHARACTERS = 40
_NUMBER_STARTS = frozenset("0123456789+-.")


class Numbers:
    """Least, greatest, mean and standard deviation, by Welford's method."""

    def __init__(self) -> None:
        self.count = 0
        self._least = math.inf
        self._greatest = -math.inf
        self._mean = 0.0
        self._squares = 0.0

    def add(self, value: float) -> None:
        """One more number."""
        self.count += 1
        self._least = min(self._least, value)
        self._greatest = max(self._greatest, value)
        before = value - self._mean
        self._mean += before / self.count
        self._squares += before * (value - self._mean)

    def summary(self) -> dict[str, float | None] | None:
        """None when there was none; `stdev` is the sample's, None of a single one."""
        if not self.count:
            return None
        return {
            "min": _finite(self._least),
            "max": _finite(self._greatest),
            "mean": _finite(self._mean),
            "stdev": _finite(math.sqrt(self._squares / (self.count - 1))) if self.count > 1 else None,
        }


class Column:
    """What is known of one column."""

    def __init__(self, name: str) -> None:
        self._name = _encodable(name)
        self._count = 0
        self._numbers = Numbers()
        self._lengths = Numbers()
        self._values: dict[str, int] = {}
        self._is_capped = False

    def add(self, value: Any) -> None:
        """A value that is there."""
        self._count += 1
        number = _number(value)
        text = _text(value)
        if number is None:
            self._lengths.add(len(text))
        else:
            self._numbers.add(number)
        shown = text if len(text) <= MAX_SHOWN_CHARACTERS else text[: MAX_SHOWN_CHARACTERS - 1] + "…"
        if shown in self._values:
            self._values[shown] += 1
        elif len(self._values) < MAX_DISTINCT:
            self._values[shown] = 1
        else:
            self._is_capped = True

    def summary(self, records: int) -> dict[str, Any]:
        """JSON-ready; `records` are all there were, those without this column too."""
        top = sorted(self._values.items(), key=lambda each: (-each[1], each[0]))[:MAX_TOP]
        return {
            "name": self._name[:MAX_NAME_CHARACTERS],
            "count": self._count,
            "missing": records - self._count,
            "distinct": len(self._values),
            # True: there are more, and `top` is chosen among those that came first.
            "distinct_is_capped": self._is_capped,
            "numbers": self._numbers.count,
            "numeric": self._numbers.summary(),
            "text_length": self._lengths.summary(),
            "top": [{"value": value, "count": count} for value, count in top],
        }


class Statistics:
    """All columns of the records so far."""

    def __init__(self) -> None:
        self.records = 0
        self._columns: dict[str, Column] = {}

    def add(self, record: Mapping[str, Any]) -> None:
        """One more record. Raises NoRecords when there are too many columns to be a table."""
        self.records += 1
        for name, value in record.items():
            column = self._columns.get(name)
            if column is None:
                if len(self._columns) >= MAX_COLUMNS:
                    raise NoRecords(f"more than {MAX_COLUMNS} columns: this is not a table")
                column = self._columns[name] = Column(name)
            if value is not None and value != "":
                column.add(value)

    def summary(self) -> list[dict[str, Any]]:
        """The columns, in the order in which they came."""
        return [column.summary(self.records) for column in self._columns.values()]


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        if isinstance(value, int | float) or (
            isinstance(value, str)
            and len(value) <= MAX_NUMBER_CHARACTERS
            and value[:1] in _NUMBER_STARTS
            and "_" not in value
        ):
            number = float(value)
        else:
            return None
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _text(value: Any) -> str:
    return _encodable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _encodable(text: str) -> str:
    # JSON may name half a surrogate pair, which no answer can carry.
    return text.encode("utf-8", "replace").decode()


def _finite(value: float) -> float | None:
    # A mean of numbers near the greatest there are may not be one.
    return value if math.isfinite(value) else None
