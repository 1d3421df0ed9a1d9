"""Records from bytes: CSV with a header line, or JSON lines; one at a time, however long the file."""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from windrow_apps.mailroom.errors import NoRecords

SNIFF_BYTES = 64 * 1024
MAX_LINE_BYTES = 1024 * 1024
DELIMITERS = ",;\t|"
#: Numbers of the lines that could not be read, that are told.
MAX_TOLD = 10

Record = dict[str, Any]


@dataclass
class Bad:
    """Records that could not be read."""

    count: int = 0
    #: Line numbers, from 1, of the first ones.
    lines: list[int] = field(default_factory=list)

    def add(self, line: int) -> None:
        """One more."""
        self.count += 1
        if len(self.lines) < MAX_TOLD:
            self.lines.append(line)


def guess_format(head: bytes) -> str:
    """`jsonl` when the first character opens an object, else `csv`."""
    return "jsonl" if head.removeprefix(codecs.BOM_UTF8).lstrip()[:1] == b"{" else "csv"


def check_beginning(head: bytes, form: str | None, *, whole: bool) -> None:
    """Look at the beginning of a file, or at all of it, for what its job could only fail of. Raises NoRecords."""
    if not whole and b"\n" not in head:
        return  # half a header says nothing
    bad = Bad()
    record = next(read_records(io.BytesIO(head), form, bad), None)
    if whole and record is None and not bad.count:
        raise NoRecords("there are no records: nothing follows the header")


def read_records(file: BinaryIO, form: str | None, bad: Bad) -> Iterator[Record]:
    """The records of `file`, from its beginning. What cannot be read is counted in `bad`.

    Raises NoRecords when the file as a whole is none.
    """
    head = file.read(SNIFF_BYTES)
    file.seek(0)
    if not head.strip():
        raise NoRecords("there are no records: it is empty")
    if form != "csv" and head.removeprefix(codecs.BOM_UTF8).lstrip()[:1] == b"[":
        raise NoRecords("this is a JSON array: send JSON lines, one object a line, or the array as `records`")
    if (form or guess_format(head)) == "jsonl":
        return _json_lines(file, bad)
    return _csv(file, head, bad)


def _json_lines(file: BinaryIO, bad: Bad) -> Iterator[Record]:
    number = 0
    while line := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(line) > MAX_LINE_BYTES:
            raise NoRecords(f"line {number} is longer than {MAX_LINE_BYTES} bytes")
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):  # not UTF-8, too
            bad.add(number)
            continue
        if isinstance(record, dict):
            yield record
        else:
            bad.add(number)


def _csv(file: BinaryIO, head: bytes, bad: Bad) -> Iterator[Record]:
    text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="replace", newline="")
    rows = csv.reader(text, delimiter=_delimiter(head), strict=True)
    try:
        names = next(rows, [])
        if not any(name.strip() for name in names):
            raise NoRecords("the first line of a CSV must name its columns")
        names = [name.strip() or f"column {n}" for n, name in enumerate(names, 1)]
        if len(set(names)) < len(names):
            raise NoRecords("the first line of the CSV names a column twice")
        while True:
            try:
                row = next(rows, None)
            except csv.Error:
                bad.add(rows.line_num)
                continue
            if row is None:
                return
            if len(row) > len(names):
                bad.add(rows.line_num)
            elif row:
                yield dict(zip(names, row + [""] * (len(names) - len(row)), strict=True))
    except csv.Error as error:
        raise NoRecords(f"line {rows.line_num} is not CSV: {error}") from None
    finally:
        text.detach()


def _delimiter(head: bytes) -> str:
    # The one that the header has most of: csv.Sniffer guesses from the data and is often wrong.
    first = head.split(b"\n", 1)[0].decode("utf-8", "replace")
    return max(DELIMITERS, key=first.count)
