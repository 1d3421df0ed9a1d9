"""Records from CSV and JSON lines, and the statistics of their columns."""

from __future__ import annotations

import io
import statistics as exact
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windrow_apps.mailroom.errors import NoRecords
from windrow_apps.mailroom.reading import Bad, read_records
from windrow_apps.mailroom.statistics import MAX_COLUMNS, MAX_DISTINCT, Numbers, Statistics


def read(content: bytes, form: str | None = None) -> tuple[list[dict[str, Any]], Bad]:
    bad = Bad()
    return list(read_records(io.BytesIO(content), form, bad)), bad


def column(records: list[dict[str, Any]], name: str) -> dict[str, Any]:
    statistics = Statistics()
    for record in records:
        statistics.add(record)
    return next(each for each in statistics.summary() if each["name"] == name)


@pytest.mark.parametrize(
    "content",
    [
        b"name,age\r\nAnn,41\r\nBob,\r\n",
        b"name;age\nAnn;41\nBob;\n",
        b"name\tage\nAnn\t41\nBob\n",
        "\ufeffname,age\nAnn,41\nBob,\n".encode(),
    ],
)
def test_a_csv_is_read_whatever_parts_its_columns(content: bytes) -> None:
    assert read(content)[0] == [{"name": "Ann", "age": "41"}, {"name": "Bob", "age": ""}]


def test_a_quoted_field_may_hold_line_breaks_and_delimiters() -> None:
    records, bad = read(b'a,b\n"one, two\nthree",2\n')
    assert records == [{"a": "one, two\nthree", "b": "2"}]
    assert bad.count == 0


def test_lines_that_are_no_records_are_counted_and_named() -> None:
    records, bad = read(b'{"a": 1}\nnonsense\n\n[1]\n{"a": 2}\n\xff\n')
    assert records == [{"a": 1}, {"a": 2}]
    assert (bad.count, bad.lines) == (3, [2, 4, 6])
    records, bad = read(b'a,b\n1,2\n1,2,3\n"x"y,2\n3,4\n')
    assert records == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]
    assert (bad.count, bad.lines) == (2, [3, 4])


@pytest.mark.parametrize(
    ("content", "form", "reason"),
    [
        (b"", None, "empty"),
        (b" \n\n", None, "empty"),
        (b'[{"a": 1}]', None, "JSON array"),
        (b",,\n1,2,3\n", None, "must name its columns"),
        (b"a,a\n1,2\n", None, "twice"),
        (b'{"a": "' + b"x" * 1_100_000 + b'"}', None, "longer than"),
    ],
)
def test_what_is_no_file_of_records_is_refused_as_a_whole(
    content: bytes, form: str | None, reason: str
) -> None:
    with pytest.raises(NoRecords, match=reason):
        read(content, form)


@given(st.binary(max_size=300), st.sampled_from(["csv", "jsonl", None]))
def test_no_bytes_make_it_fail_in_another_way(content: bytes, form: str | None) -> None:
    try:
        records, _ = read(content, form)
    except NoRecords:
        return
    statistics = Statistics()
    for record in records:
        statistics.add(record)
    statistics.summary()


def test_numbers_texts_and_gaps_of_a_column_are_told_apart() -> None:
    found = column(
        [{"v": "1"}, {"v": 2.5}, {"v": "n/a"}, {"v": ""}, {"v": None}, {}, {"v": True}, {"v": "1_000"}], "v"
    )
    assert (found["count"], found["missing"], found["distinct"]) == (5, 3, 5)
    assert found["numbers"] == 2
    assert found["numeric"] == {"min": 1, "max": 2.5, "mean": 1.75, "stdev": pytest.approx(1.0606601717)}
    assert found["text_length"]["min"] == 3
    assert found["text_length"]["max"] == 5


@pytest.mark.parametrize("value", ["nan", "inf", "1e999", "0x10", "--1", "١٢"])
def test_words_and_odd_numbers_are_text(value: str) -> None:
    assert column([{"v": value}], "v")["numeric"] is None


def test_the_most_frequent_values_come_first() -> None:
    found = column([{"v": value} for value in "abracadabra"], "v")
    assert found["top"][:2] == [{"value": "a", "count": 5}, {"value": "b", "count": 2}]
    assert found["distinct_is_capped"] is False


def test_memory_does_not_grow_with_the_values() -> None:
    found = column([{"v": f"value {n}"} for n in range(MAX_DISTINCT + 500)], "v")
    assert (found["distinct"], found["distinct_is_capped"]) == (MAX_DISTINCT, True)
    assert len(found["top"]) == 10
    with pytest.raises(NoRecords, match="not a table"):
        column([{f"c{n}": 1} for n in range(MAX_COLUMNS + 1)], "c0")


@given(st.lists(st.floats(-1e9, 1e9), min_size=2, max_size=50))
def test_mean_and_deviation_are_those_of_the_library(values: list[float]) -> None:
    numbers = Numbers()
    for value in values:
        numbers.add(value)
    summary = numbers.summary()
    assert summary is not None
    assert summary["mean"] == pytest.approx(exact.fmean(values), rel=1e-9, abs=1e-6)
    assert summary["stdev"] == pytest.approx(exact.stdev(values), rel=1e-6, abs=1e-3)
