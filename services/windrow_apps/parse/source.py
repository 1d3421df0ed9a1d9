"""A source of pages: a URL template asked over HTTP, or a folder of files."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from windrow_apps.parse.errors import SourceMisconfigured
from windrow_apps.parse.folder_source import FolderSource
from windrow_apps.parse.http_source import HttpSource
from windrow_apps.parse.models import Answer
from windrow_apps.parse.settings import ParseSettings

PLACEHOLDER = "{id}"


class Source(Protocol):
    """Where pages come from; entered once per run."""

    async def fetch(self, page_id: int) -> Answer:
        """The answer for one page id; a page that is not there is an answer too.

        Raises SourceUnavailable when there is nobody who could say.
        """


def open_source(settings: ParseSettings) -> AbstractAsyncContextManager[Source]:
    """The source that the settings name. Raises SourceMisconfigured; connects to nothing."""
    template = settings.source.strip()
    if not template:
        raise SourceMisconfigured("no source of pages: set WINDROW_PARSE_SOURCE")
    scheme = urlsplit(template).scheme
    if scheme in ("http", "https"):
        return HttpSource(_with_placeholder(template), settings)
    if "://" in template:
        raise SourceMisconfigured(
            f"WINDROW_PARSE_SOURCE has the scheme {scheme!r}: use http, https or a path"
        )
    if PLACEHOLDER not in template:
        template = str(Path(template) / f"{PLACEHOLDER}.html")
    return FolderSource(template, settings.page_bytes)


def _with_placeholder(template: str) -> str:
    parts = urlsplit(template)
    if not parts.hostname or PLACEHOLDER in parts.netloc:
        # An id in the host would turn a page number into an address of the network.
        raise SourceMisconfigured("WINDROW_PARSE_SOURCE needs a host without {id} in it")
    if PLACEHOLDER not in parts.path + "?" + parts.query:
        raise SourceMisconfigured(
            "WINDROW_PARSE_SOURCE needs {id} where the page id goes, as in http://host/{id}"
        )
    return template
