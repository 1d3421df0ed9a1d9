"""The Python library documentation that serves as a source of real pages."""

import sys

import pytest

from windrow_apps.parse.pydoc_pages import PydocPages
from windrow_apps.parse.reading import read_html


@pytest.fixture(scope="module")
def pages() -> PydocPages:
    return PydocPages()


def render(pages: PydocPages, name: str) -> str | None:
    number = pages.number(name)
    assert number is not None
    return pages.page(number)


def test_there_are_several_hundred_pages_in_a_stable_order(pages: PydocPages) -> None:
    assert len(pages.names) > 300
    assert len(set(pages.names)) == len(pages.names)
    assert pages.names == PydocPages().names
    assert {"os", "email.message", "asyncio.tasks"} <= set(pages.names)


def test_a_page_has_a_title_headings_and_links(pages: PydocPages) -> None:
    page = render(pages, "json")
    assert page is not None
    content = read_html(page.encode(), "http://127.0.0.1/1")
    assert content.title == "Python: json"
    assert content.headings[0].text.startswith("json")
    assert "http://127.0.0.1/json.decoder.html" in content.links
    assert content.words > 100


def test_a_module_that_prints_when_imported_prints_nowhere(
    pages: PydocPages, capsys: pytest.CaptureFixture[str]
) -> None:
    sys.modules.pop("this", None)
    assert render(pages, "this") is not None
    assert capsys.readouterr().out == ""


def test_a_module_that_opens_a_browser_is_never_imported(pages: PydocPages) -> None:
    assert render(pages, "antigravity") is None
    assert "antigravity" not in sys.modules


@pytest.mark.skipif(sys.platform == "win32", reason="the module exists there")
def test_a_module_that_cannot_be_imported_here_has_no_page(pages: PydocPages) -> None:
    assert render(pages, "winreg") is None


def test_programs_and_tests_of_the_library_have_no_pages(pages: PydocPages) -> None:
    assert not [name for name in pages.names if name.startswith(("idlelib.", "test.", "turtledemo."))]
    assert not [name for name in pages.names if name.endswith("__main__")]


@pytest.mark.parametrize("number", [0, -1, 10**9])
def test_an_id_beyond_the_last_has_no_page(pages: PydocPages, number: int) -> None:
    assert pages.page(number) is None


def test_the_cache_holds_no_more_than_its_bound() -> None:
    pages = PydocPages(cached=2)
    for name in ("abc", "bisect", "heapq"):
        render(pages, name)
    assert list(pages._cache) == ["bisect", "heapq"]
