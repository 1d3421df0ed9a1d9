"""Which sources the setting may name, and what a folder answers."""

import asyncio
from pathlib import Path

import pytest

from windrow_apps.parse.errors import SourceMisconfigured, SourceUnavailable
from windrow_apps.parse.models import Answer
from windrow_apps.parse.settings import ParseSettings
from windrow_apps.parse.source import open_source


def fetch(source: str, page_id: int, page_bytes: int = 4096) -> Answer:
    async def ask() -> Answer:
        async with open_source(ParseSettings(source=source, page_bytes=page_bytes)) as opened:
            return await opened.fetch(page_id)

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("", "set WINDROW_PARSE_SOURCE"),
        ("http://site.test/pages", "needs {id}"),
        ("http://{id}.site.test/", "host without {id}"),
        ("http://site.test:{id}/", "host without {id}"),
        ("http:///{id}", "needs a host"),
        ("ftp://site.test/{id}", "scheme 'ftp'"),
        ("file:///etc/{id}", "scheme 'file'"),
    ],
)
def test_a_source_that_cannot_work_is_refused_with_the_reason(source: str, reason: str) -> None:
    with pytest.raises(SourceMisconfigured) as refusal:
        open_source(ParseSettings(source=source))
    assert reason in str(refusal.value)


def test_a_folder_serves_its_files_and_a_missing_one_is_404(tmp_path: Path) -> None:
    (tmp_path / "1.html").write_bytes(b"<title>one</title>")
    found = fetch(str(tmp_path), 1)
    assert (found.status, found.body) == (200, b"<title>one</title>")
    missing = fetch(str(tmp_path), 2)
    assert (missing.status, missing.problem) == (404, "there is no such page")


def test_a_path_template_may_put_the_id_anywhere(tmp_path: Path) -> None:
    (tmp_path / "5").mkdir()
    (tmp_path / "5" / "index.html").write_bytes(b"<p>five")
    assert fetch(f"{tmp_path}/{{id}}/index.html", 5).body == b"<p>five"


def test_a_folder_that_is_not_there_is_an_unreachable_source(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable):
        fetch(str(tmp_path / "unmounted"), 1)


def test_a_file_over_the_limit_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "1.html").write_bytes(b"x" * 5000)
    answer = fetch(str(tmp_path), 1)
    assert answer.body == b""
    assert answer.problem == "longer than 4096 bytes"
