"""Statistics of the records that a job names: opened, read as a stream, counted."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, cast
from uuid import UUID

from windrow_apps.mailroom.errors import NoRecords, UploadGone
from windrow_apps.mailroom.figures import Figures
from windrow_apps.mailroom.models import MAX_RECORDS
from windrow_apps.mailroom.reading import Bad, Record, read_records
from windrow_apps.mailroom.settings import MailroomSettings
from windrow_apps.mailroom.statistics import Statistics
from windrow_apps.mailroom.store import MailroomStore
from windrow_apps.shared.outbound import OutboundSettings, fetch

#: Records between two reports of progress, at least.
REPORT_EVERY = 1000
REPORTS = 100
SPOOL_BYTES = 4 * 1024 * 1024
MIB = 1024 * 1024

#: Called with (records done, records in all as far as known).
Report = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Opened:
    """Records that can be read."""

    records: Iterable[Record]
    #: How many, roughly: lines of a file.
    total: int
    #: Bytes of a file, None of what is none.
    bytes: int | None = None


def process(
    source: dict[str, Any], settings: MailroomSettings, outbound: OutboundSettings, report: Report
) -> dict[str, Any]:
    """Statistics of the records of `source`: `{"kind": "upload" | "url" | "jobs", ...}`.

    Raises NoRecords, UploadGone, OutboundRefused, OutboundUnavailable; psycopg's OperationalError.
    """
    statistics, bad = Statistics(), Bad()
    with _opened(source, settings, outbound, bad) as opened:
        every = max(REPORT_EVERY, opened.total // REPORTS)
        report(0, opened.total)
        for record in opened.records:
            statistics.add(record)
            if statistics.records % every == 0:
                report(statistics.records, max(opened.total, statistics.records))
    if not statistics.records:
        raise NoRecords(
            f"none of the {bad.count} records could be read" if bad.count else "there are no records"
        )
    report(statistics.records, statistics.records)
    return {
        "records": statistics.records,
        "bytes": opened.bytes,
        "unreadable": {"count": bad.count, "lines": bad.lines},
        "columns": statistics.summary(),
    }


@contextmanager
def _opened(
    source: dict[str, Any], settings: MailroomSettings, outbound: OutboundSettings, bad: Bad
) -> Iterator[Opened]:
    match source["kind"]:
        case "jobs":
            if not 1 <= source["records"] <= MAX_RECORDS:
                raise NoRecords(f"records: 1 to {MAX_RECORDS} of the latest jobs")
            records = Figures(settings).latest_jobs(source["records"])
            yield Opened(records, len(records))
        case "upload":
            store, upload_id = MailroomStore(settings), UUID(source["id"])
            measured = store.upload(upload_id)
            if measured is None:
                raise UploadGone(f"the upload {upload_id} is no longer kept: send the records again")
            file = cast(BinaryIO, io.BufferedReader(UploadFile(store, upload_id), MIB))
            yield Opened(read_records(file, source.get("format"), bad), measured[1], measured[0])
        case "url":
            with tempfile.SpooledTemporaryFile(SPOOL_BYTES) as spool:
                fetched = fetch(source["url"], cast(BinaryIO, spool), outbound)
                spool.seek(0)
                lines = sum(piece.count(b"\n") for piece in iter(lambda: spool.read(MIB), b""))
                spool.seek(0)
                form = source.get("format")
                yield Opened(read_records(cast(BinaryIO, spool), form, bad), lines, fetched.bytes)
        case kind:
            raise NoRecords(f"there are no records of the kind {kind!r}")


class UploadFile(io.RawIOBase):
    """An upload as a file that is read forwards, a piece in memory at a time."""

    def __init__(self, store: MailroomStore, upload_id: UUID) -> None:
        self._store = store
        self._id = upload_id
        self._next = 0
        self._position = 0
        self._piece = memoryview(b"")

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """To the beginning, and nowhere else."""
        if (offset, whence) != (0, io.SEEK_SET):
            raise io.UnsupportedOperation("an upload is read forwards")
        self._next, self._position, self._piece = 0, 0, memoryview(b"")
        return 0

    def readinto(self, buffer: Any) -> int:
        if not self._piece:
            self._piece = memoryview(self._store.piece(self._id, self._next))
            self._next += 1
        size = min(len(buffer), len(self._piece))
        buffer[:size] = self._piece[:size]
        self._piece = self._piece[size:]
        self._position += size
        return size
