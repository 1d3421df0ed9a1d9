"""Reads an HTML page with lxml: title, headings, links and text statistics."""

from collections.abc import Iterator
from urllib.parse import urldefrag, urljoin, urlsplit

from lxml import etree, html

from windrow_apps.parse.models import Answer, Content, Heading, Page

TEXT_CHARACTERS = 1_000  # of one title or heading that are kept
MAX_HEADINGS = 500
MAX_LINKS = 1_000
LINK_CHARACTERS = 2_048

_LEVELS = {f"h{level}": level for level in range(1, 7)}
_INVISIBLE = ("script", "style", "template", "noscript", "title")


def read_page(page_id: int, answer: Answer) -> Page:
    """The row for one answer. Never raises for anything that a body can hold."""
    if answer.problem is not None or not answer.body.strip():
        problem = answer.problem or "the page is empty"
        return Page(page_id, answer.url, answer.status, problem=problem)
    try:
        content = read_html(answer.body, answer.url, answer.charset)
    except (etree.LxmlError, ValueError) as error:
        problem = f"the page is not readable HTML: {error}"[:TEXT_CHARACTERS]
        return Page(page_id, answer.url, answer.status, problem=problem)
    return Page(page_id, answer.url, answer.status, content)


def read_html(body: bytes, url: str, charset: str | None = None) -> Content:
    """Find the parts of one page that lives at `url`.

    Raises lxml's `LxmlError` when there is no document in `body`.
    """
    root = html.document_fromstring(body, parser=_parser(charset))
    title = _text(root.find(".//title"))
    headings = [
        Heading(_LEVELS[str(element.tag)], text)
        for element in root.iter(*_LEVELS)
        if (text := _text(element))
    ]
    links = list(dict.fromkeys(_addresses(root, url)))
    # The tail of an invisible element is visible text of its parent.
    etree.strip_elements(root, etree.Comment, *_INVISIBLE, with_tail=False)
    words = _clean(" ".join(root.itertext())).split()
    return Content(
        title=title or None,
        headings=tuple(headings[:MAX_HEADINGS]),
        heading_count=len(headings),
        links=tuple(links[:MAX_LINKS]),
        link_count=len(links),
        words=len(words),
        distinct_words=len({word.casefold() for word in words}),
        characters=sum(map(len, words)) + max(0, len(words) - 1),
    )


def _parser(charset: str | None) -> html.HTMLParser:
    try:
        return html.HTMLParser(encoding=charset)
    except LookupError:
        # A header that names no known character set says nothing; the page's meta may.
        return html.HTMLParser()


def _text(element: html.HtmlElement | None) -> str:
    if element is None:
        return ""
    return " ".join(_clean(element.text_content()).split())[:TEXT_CHARACTERS]


def _clean(text: str) -> str:
    # PostgreSQL stores neither NUL nor half of a surrogate pair.
    return text.replace("\x00", " ").encode("utf-8", "replace").decode("utf-8")


def _addresses(root: html.HtmlElement, url: str) -> Iterator[str]:
    declared = root.find(".//base[@href]")
    base = url if declared is None else _join(url, declared.get("href", "")) or url
    for anchor in root.iter("a"):
        address = _join(base, anchor.get("href", ""))
        if address and len(address) <= LINK_CHARACTERS:
            yield address


def _join(base: str, href: str) -> str | None:
    if not href.strip() or href.lstrip().startswith("#"):
        return None
    try:
        address = urldefrag(urljoin(base, _clean(href).strip())).url
    except ValueError:  # e.g. an unclosed [ of an IPv6 host
        return None
    # mailto: and javascript: lead nowhere; file: only where the source itself is a folder.
    return address if urlsplit(address).scheme in {"http", "https", urlsplit(base).scheme} else None
