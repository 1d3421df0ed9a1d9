"""Where finished reports are: rows of a table, or files in a folder that workers and the API share."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import UUID, uuid4

from windrow_apps.mailroom.errors import ReportsMisplaced
from windrow_apps.mailroom.settings import MailroomSettings
from windrow_apps.mailroom.store import MailroomStore, Report


class Shelf:
    """Puts reports away, finds and removes them."""

    def __init__(self, settings: MailroomSettings) -> None:
        self._folder = settings.folder
        self._store = MailroomStore(settings)

    def put(self, report: Report, pdf: bytes) -> None:
        """Keep it; the same id again replaces it. Raises ReportsMisplaced."""
        if self._folder is None:
            self._store.save_report(report, pdf)
            return
        path = self._path(self._folder, report.id)
        part = path.with_name(f".{path.name}.{uuid4().hex}")
        try:
            part.write_bytes(pdf)
            # Whole or not at all: who downloads it may come now.
            os.replace(part, path)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise ReportsMisplaced(f"{self._folder} cannot be written: {error.strerror}") from error
        self._store.save_report(report, None)

    def get(self, report_id: UUID) -> bytes | None:
        """The PDF; None when there is no such report."""
        exists, pdf = self._store.report_pdf(report_id)
        if not exists or pdf is not None or self._folder is None:
            return pdf
        try:
            return self._path(self._folder, report_id).read_bytes()
        except FileNotFoundError:
            return None

    def remove_old(self) -> int:
        """Forget what is older than the settings say; how many those were."""
        removed = 0
        for ids in self._store.remove_old("reports"):
            removed += len(ids)
            for report_id in filter(None, ids):
                if self._folder is not None:
                    self._path(self._folder, report_id).unlink(missing_ok=True)
        return removed

    @staticmethod
    def _path(folder: Path, report_id: UUID) -> Path:
        return folder / f"{report_id}.pdf"
