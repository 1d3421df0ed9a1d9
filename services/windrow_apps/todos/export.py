"""An owner's to-dos as a file in parts: one snapshot, of which only a part is in memory."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator

from windrow_apps.shared.database import DatabaseSettings, transaction
from windrow_apps.shared.ops import run_on
from windrow_apps.todos import export_store
from windrow_apps.todos.export_store import Export
from windrow_apps.todos.replies import Todo, todo
from windrow_apps.todos.rows import TodoRow
from windrow_apps.todos.settings import TodoSettings

MEDIA_TYPES = {"json": "application/json", "csv": "text/csv; charset=utf-8"}
#: What a spreadsheet takes for the beginning of a formula.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
#: Called with (rows written, rows in all), at the start and after each batch.
Report = Callable[[int, int], None]


class NoExport(LookupError):
    """Nobody ordered an export with that id, or it was cleaned up."""


def write_export(
    export_id: str, database: DatabaseSettings, settings: TodoSettings, report: Report
) -> Export:
    """Write the file of that export; one that is written is left as it is. Raises NoExport.

    All in one transaction: whoever is killed in it leaves nothing, and starts anew.
    """
    with transaction(database, "todos", snapshot=True) as connection:
        export = run_on(connection, export_store.hold(export_id))
        if export is None:
            raise NoExport(f"there is no export {export_id!r}")
        if export.finished_at is None:
            total = run_on(connection, export_store.begin_file(export_id, export.owner))
            report(0, total)
            written = 0

            def batches() -> Iterator[list[TodoRow]]:
                nonlocal written
                after = 0
                while rows := run_on(connection, export_store.next_rows(export.owner, after, settings.batch)):
                    yield rows
                    written, after = written + len(rows), rows[-1].id
                    report(written, total)

            size = 0
            texts = (_json if export.format == "json" else _csv)(batches())
            for number, data in enumerate(_parts(texts, settings.part_bytes)):
                run_on(connection, export_store.add_part(export_id, number, data))
                size += len(data)
            run_on(connection, export_store.finish(export_id, written, size))
        found = run_on(connection, export_store.hold(export_id))
    assert found is not None  # it is held
    return found


def _json(batches: Iterable[list[TodoRow]]) -> Iterator[str]:
    """One array, an object a line."""
    before = "[\n"
    for rows in batches:
        for row in rows:
            yield before + todo(row).model_dump_json()
            before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"


def _csv(batches: Iterable[list[TodoRow]]) -> Iterator[str]:
    """RFC 4180, with a header."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(Todo.model_fields))
    writer.writeheader()
    for rows in batches:
        writer.writerows(_cells(row) for row in rows)
        yield out.getvalue()
        out.seek(0)
        out.truncate()
    yield out.getvalue()


def _cells(row: TodoRow) -> dict[str, object]:
    return {name: _cell(value) for name, value in todo(row).model_dump(mode="json").items()}


def _cell(value: object) -> object:
    """As in JSON: true and false, not Python's words for them; what looks like a formula with an apostrophe before."""
    if isinstance(value, bool):
        return json.dumps(value)
    # Who opens the file in a spreadsheet would run what somebody wrote into a title.
    if isinstance(value, str) and value.startswith(FORMULA_STARTS):
        return f"'{value}"
    return value


def _parts(texts: Iterable[str], size: int) -> Iterator[bytes]:
    held = bytearray()
    for text in texts:
        held += text.encode()
        while len(held) >= size:
            yield bytes(held[:size])
            del held[:size]
    if held:
        yield bytes(held)
