"""An RSS or Atom feed to articles, read by feedparser."""

import hashlib
import io
from typing import Any

from lxml import html
from lxml.etree import LxmlError

from windrow_apps.shared.database import DatabaseSettings, transaction
from windrow_apps.shared.outbound import OutboundRefused, OutboundSettings, fetch
from windrow_apps.summaries.settings import SummariesSettings
from windrow_apps.summaries.store import articles

APP = "summaries"
MAX_TITLE_CHARACTERS = 500
MAX_URL_CHARACTERS = 2000
_BLOCKS = "p|div|br|li|h1|h2|h3|h4|h5|h6|blockquote|pre|tr"


def import_entries(
    feed_url: str, settings: SummariesSettings, outbound: OutboundSettings, database: DatabaseSettings
) -> dict[str, Any]:
    """Fetch the feed and keep what is new. Raises OutboundRefused, OutboundUnavailable, psycopg's OperationalError."""
    into = io.BytesIO()
    limits = outbound.model_copy(update={"max_bytes": min(outbound.max_bytes, settings.feed_bytes)})
    fetched = fetch(feed_url, into, limits)
    found, empty = read_feed(into.getvalue(), fetched.content_type, fetched.url, settings)
    with transaction(database, APP) as connection:
        new = articles.bring(connection, found)
    return {"entries": len(found) + empty, "new": len(new), "without_text": empty, "article_ids": new}


def read_feed(
    content: bytes, content_type: str, url: str, settings: SummariesSettings
) -> tuple[list[dict[str, Any]], int]:
    """The feed's entries as articles, and how many had no text. Raises OutboundRefused when it is no feed."""
    # Here, not above: only a worker that imports needs it.
    import feedparser

    headers = {"content-type": content_type} if content_type else {}
    parsed = feedparser.parse(io.BytesIO(content), response_headers={**headers, "content-location": url})
    if not parsed.get("version"):
        raise OutboundRefused("what is at this address is not an RSS or Atom feed")
    found: dict[str, dict[str, Any]] = {}
    empty = 0
    for entry in parsed.entries[: settings.feed_entries]:
        article = _article(entry, parsed.feed.get("language"), url, settings.article_characters)
        if article is None:
            empty += 1
        else:
            found.setdefault(article["origin"], article)
    return list(found.values()), empty


def _article(entry: Any, language: str | None, feed_url: str, limit: int) -> dict[str, Any] | None:
    bodies = [part.get("value", "") for part in entry.get("content", [])] or [entry.get("summary", "")]
    text = plain(max(bodies, key=len))[:limit].strip()
    if not text:
        return None
    title = plain(entry.get("title", ""))[:MAX_TITLE_CHARACTERS] or text[:80]
    link = entry.get("link", "")
    name = entry.get("id") or link or hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
    return {
        "title": title,
        "text": text,
        "language": _code(entry.get("language") or language),
        "url": link if link.startswith(("http://", "https://")) and len(link) <= MAX_URL_CHARACTERS else None,
        # A name is unique within its feed only, and may be long.
        "origin": hashlib.sha256(f"{feed_url}\n{name}".encode("utf-8", "replace")).hexdigest(),
    }


def plain(markup: str) -> str:
    """The text of a piece of HTML, a paragraph a line, without what a database cannot keep."""
    markup = markup.replace("\0", "")
    if "<" in markup or "&" in markup:
        try:
            root = html.fromstring(f"<div>{markup}</div>")
        except (LxmlError, ValueError):
            return ""
        for hidden in root.xpath("//script|//style|//comment()"):
            hidden.drop_tree()
        for block in root.xpath("|".join(f"//{tag}" for tag in _BLOCKS.split("|"))):
            block.tail = "\n\n" + (block.tail or "")
        markup = root.text_content()
    paragraphs = (" ".join(part.split()) for part in markup.split("\n\n"))
    return "\n\n".join(part for part in paragraphs if part).encode("utf-8", "replace").decode()


def _code(language: str | None) -> str | None:
    code = (language or "").split("-")[0].split("_")[0].strip().lower()
    return code if len(code) == 2 and code.isascii() and code.isalpha() else None
