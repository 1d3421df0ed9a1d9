"""The nouns of the parse app: an answer of the source, and a page as it is recorded."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Answer:
    """What the source said for one page id."""

    #: Where the content came from in the end, after redirects.
    url: str
    #: HTTP status; a folder answers 200 or 404.
    status: int
    #: The bytes of the body; empty unless the status is 2xx and `problem` is None.
    body: bytes = b""
    #: Character set that the Content-Type header names, if any.
    charset: str | None = None
    #: Why the body was not read, in words.
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading: its level, 1 to 6, and its text."""

    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Content:
    """What was found in a page's HTML. Lists are cut at a bound; the counts are not."""

    title: str | None = None
    headings: tuple[Heading, ...] = ()
    heading_count: int = 0
    #: Absolute addresses without fragment, each once, in the order of the page.
    links: tuple[str, ...] = ()
    link_count: int = 0
    words: int = 0
    distinct_words: int = 0
    characters: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """One row of a run: what became of a page id."""

    page_id: int
    url: str
    status: int
    content: Content = field(default_factory=Content)
    #: Why there is no content, in words; None for a page that was read.
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run has recorded, counted over its page range."""

    #: Rows; `read` of them with content, `missing` of them 404 or 410.
    pages: int
    read: int
    missing: int
    #: Pages that have a title.
    titles: int
    headings: int
    links: int
    words: int
