"""What the parse app finds in a page, and what it makes of pages that are none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windrow_apps.parse.models import Answer, Heading
from windrow_apps.parse.reading import MAX_HEADINGS, MAX_LINKS, read_html, read_page

URL = "http://site.test/docs/7"
PAGE = b"""<!doctype html><html><head><title> The
  title </title><style>p { color: red }</style></head>
<body><h1>First <em>heading</em></h1><p>One two two.</p><script>var hidden = 1;</script>
<h3>Second</h3><h2> </h2>
<a href="8">next</a> <a href="/top#part">top</a> <a href="8#again">again</a>
<a href="#here">here</a> <a href="mailto:a@site.test">mail</a> <a href="javascript:go()">go</a>
<a href="https://other.test/x">other</a> <a>none</a><!-- not text --></body></html>"""


def test_title_headings_links_and_words_of_a_page_are_found() -> None:
    content = read_html(PAGE, URL)
    assert content.title == "The title"
    assert content.headings == (Heading(1, "First heading"), Heading(3, "Second"))
    assert content.links == (
        "http://site.test/docs/8",
        "http://site.test/top",
        "https://other.test/x",
    )
    assert (content.heading_count, content.link_count) == (2, 3)
    # First heading One two two. Second next top again here mail go other none
    assert (content.words, content.distinct_words) == (14, 14)
    assert content.characters == len(
        "First heading One two two. Second next top again here mail go other none"
    )


def test_links_follow_the_base_that_a_page_declares() -> None:
    body = b'<head><base href="http://cdn.test/a/"></head><a href="b">x</a>'
    assert read_html(body, URL).links == ("http://cdn.test/a/b",)


def test_a_broken_link_is_left_out_and_the_others_stay() -> None:
    body = b'<a href="http://[broken/">x</a><a href="ok">y</a>'
    assert read_html(body, URL).links == ("http://site.test/docs/ok",)


def test_a_folders_own_links_stay_but_a_web_page_cannot_point_into_files() -> None:
    body = b'<a href="2.html">x</a><a href="file:///etc/passwd">y</a>'
    assert read_html(body, "file:///pages/1.html").links == (
        "file:///pages/2.html",
        "file:///etc/passwd",
    )
    assert read_html(body, URL).links == ("http://site.test/docs/2.html",)


@pytest.mark.parametrize(
    ("body", "charset"),
    [
        ("<title>Žluťoučký kůň</title>".encode("iso-8859-2"), "iso-8859-2"),
        ('<meta charset="iso-8859-2"><title>Žluťoučký kůň</title>'.encode("iso-8859-2"), None),
        ('<meta charset="utf-8"><title>Žluťoučký kůň</title>'.encode(), "no-such-charset"),
    ],
    ids=["from the header", "from the page", "unknown in the header"],
)
def test_the_character_set_of_header_or_page_is_used(body: bytes, charset: str | None) -> None:
    assert read_html(body, URL, charset).title == "Žluťoučký kůň"


def test_lists_are_cut_at_their_bounds_but_counts_are_not() -> None:
    body = "".join(f"<h2>h{i}</h2><a href='{i}'>l</a>" for i in range(2_000)).encode()
    content = read_html(body, URL)
    assert (len(content.headings), len(content.links)) == (MAX_HEADINGS, MAX_LINKS)
    assert (content.heading_count, content.link_count) == (2_000, 2_000)


@pytest.mark.parametrize("body", [b"", b"  \n ", b"<!-- only -->", b"<?xml?>"])
def test_a_body_without_a_document_is_a_row_with_a_problem_or_an_empty_page(body: bytes) -> None:
    page = read_page(7, Answer(URL, 200, body))
    assert (page.page_id, page.status) == (7, 200)
    assert page.problem or page.content.words == 0


def test_the_reason_of_the_source_is_the_problem_of_the_row() -> None:
    page = read_page(7, Answer(URL, 404, problem="there is no such page"))
    assert (page.status, page.problem) == (404, "there is no such page")


@given(st.binary(max_size=400), st.sampled_from([None, "utf-8", "utf-16", "ascii", "utf-7"]))
def test_no_body_at_all_can_break_reading_or_hold_what_postgres_refuses(
    body: bytes, charset: str | None
) -> None:
    page = read_page(1, Answer(URL, 200, body, charset))
    texts = [page.content.title or "", *page.content.links, page.problem or ""]
    texts += [heading.text for heading in page.content.headings]
    for text in texts:
        assert "\x00" not in text
        text.encode("utf-8")
