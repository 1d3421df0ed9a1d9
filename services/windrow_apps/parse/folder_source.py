"""Pages from files of a folder, one file per page id."""

import asyncio
from pathlib import Path
from types import TracebackType
from typing import Self

from windrow_apps.parse.errors import SourceUnavailable
from windrow_apps.parse.models import Answer


class FolderSource:
    """Reads `<template with the id>`; a missing file is a 404, a missing folder is no answer."""

    def __init__(self, template: str, page_bytes: int) -> None:
        self._template = template
        self._page_bytes = page_bytes

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None

    async def fetch(self, page_id: int) -> Answer:
        """The file of one page id. Raises SourceUnavailable if the folder cannot be read."""
        # A thread: a network file system may take its time.
        return await asyncio.to_thread(self._read, page_id)

    def _read(self, page_id: int) -> Answer:
        path = Path(self._template.replace("{id}", str(page_id))).absolute()
        try:
            with path.open("rb") as file:
                body = file.read(self._page_bytes + 1)
        except (FileNotFoundError, IsADirectoryError):
            if not path.parent.is_dir():
                raise SourceUnavailable(f"there is no folder {path.parent}") from None
            return Answer(path.as_uri(), 404, problem="there is no such page")
        except PermissionError:
            return Answer(path.as_uri(), 403, problem="the file may not be read")
        except OSError as error:
            raise SourceUnavailable(f"{path} cannot be read: {error}") from error
        if len(body) > self._page_bytes:
            return Answer(path.as_uri(), 200, problem=f"longer than {self._page_bytes} bytes")
        return Answer(path.as_uri(), 200, body)
