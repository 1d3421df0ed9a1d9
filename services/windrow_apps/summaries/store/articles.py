"""Articles: added by callers and imports, read by both sides."""

from collections.abc import Sequence
from typing import Any

from psycopg import AsyncConnection, Connection

_ADD = """
INSERT INTO summaries.articles (title, text, language, url)
VALUES (%(title)s, %(text)s, %(language)s, %(url)s)
RETURNING id, title, language, url, length(text) AS characters, created_at
"""

_GET = """
SELECT a.id, a.title, a.text, coalesce(a.language, s.language) AS language, a.url,
       length(a.text) AS characters, a.created_at, s.job_id, s.status, s.summary
FROM summaries.articles a
LEFT JOIN LATERAL (
    SELECT job_id, status, summary, language FROM summaries.summaries
    WHERE article_id = a.id ORDER BY status = 'OK' DESC, created_at DESC LIMIT 1
) s ON true
WHERE a.id = %(id)s
"""

_KNOWN = "SELECT id FROM summaries.articles WHERE id = ANY(%(ids)s)"

_BRING = """
INSERT INTO summaries.articles (title, text, language, url, origin)
VALUES (%(title)s, %(text)s, %(language)s, %(url)s, %(origin)s)
ON CONFLICT (origin) DO NOTHING
RETURNING id
"""


async def add(connection: AsyncConnection[Any], article: dict[str, Any]) -> dict[str, Any]:
    """Keep an article; returns its row without the text."""
    row: dict[str, Any] | None = await (await connection.execute(_ADD, article)).fetchone()
    assert row is not None
    return row


async def get(connection: AsyncConnection[Any], article_id: int) -> dict[str, Any] | None:
    """An article with its best summary: the latest that is OK, else the latest.

    Its language is the caller's, else the one that the summary was written in.
    """
    return await (await connection.execute(_GET, {"id": article_id})).fetchone()


async def known(connection: AsyncConnection[Any], ids: Sequence[int]) -> set[int]:
    """Those of the ids that articles have."""
    rows = await (await connection.execute(_KNOWN, {"ids": list(ids)})).fetchall()
    return {row["id"] for row in rows}


def bring(connection: Connection[Any], entries: Sequence[dict[str, Any]]) -> list[int]:
    """Keep the entries of a feed that no import has brought before; returns the new articles' ids."""
    found = []
    # In one order: two imports of one feed must not deadlock.
    for entry in sorted(entries, key=lambda entry: entry["origin"]):
        row = connection.execute(_BRING, entry).fetchone()
        if row is not None:
            found.append(row["id"])
    return sorted(found)
