"""Every SQL statement of the parse app. A connection lives for one call."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from windrow_apps.parse.models import Page, Summary
from windrow_apps.parse.settings import ParseSettings
from windrow_apps.shared.database import DatabaseSettings, transaction

_RECORDED = """
SELECT page_id FROM parse.pages
WHERE run_id = %(run_id)s AND page_id BETWEEN %(first)s AND %(last)s
"""

_SAVE = """
INSERT INTO parse.pages (
    run_id, page_id, url, http_status, problem, title, headings, heading_count,
    links, link_count, words, distinct_words, characters
) VALUES (
    %(run_id)s, %(page_id)s, %(url)s, %(http_status)s, %(problem)s, %(title)s, %(headings)s,
    %(heading_count)s, %(links)s, %(link_count)s, %(words)s, %(distinct_words)s, %(characters)s
)
ON CONFLICT (run_id, page_id) DO UPDATE SET
    url = excluded.url, http_status = excluded.http_status, problem = excluded.problem,
    title = excluded.title, headings = excluded.headings, heading_count = excluded.heading_count,
    links = excluded.links, link_count = excluded.link_count, words = excluded.words,
    distinct_words = excluded.distinct_words, characters = excluded.characters,
    fetched_at = excluded.fetched_at
"""

_SUMMARY = """
SELECT count(*) AS pages,
       count(*) FILTER (WHERE problem IS NULL) AS read,
       count(*) FILTER (WHERE http_status IN (404, 410)) AS missing,
       count(title) AS titles,
       coalesce(sum(heading_count), 0)::bigint AS headings,
       coalesce(sum(link_count), 0)::bigint AS links,
       coalesce(sum(words), 0)::bigint AS words
FROM parse.pages
WHERE run_id = %(run_id)s AND page_id BETWEEN %(first)s AND %(last)s
"""


class PageStore:
    """The recorded pages of one run. Raises psycopg's OperationalError when nobody answers."""

    def __init__(self, run_id: str, settings: ParseSettings) -> None:
        self._run_id = run_id
        self._settings = settings

    def recorded(self, pages: range) -> set[int]:
        """The ids within `pages` that this run has recorded."""
        with self._transaction() as connection:
            rows = connection.execute(_RECORDED, self._bounds(pages)).fetchall()
        return {row["page_id"] for row in rows}

    def save(self, pages: Sequence[Page]) -> None:
        """Record pages, all or none; a page recorded before is replaced."""
        # In id order: two runs of one job, the old one not quite dead, must not deadlock.
        rows = [self._row(page) for page in sorted(pages, key=lambda page: page.page_id)]
        with self._transaction() as connection, connection.cursor() as cursor:
            cursor.executemany(_SAVE, rows)

    def summary(self, pages: range) -> Summary:
        """Count what this run has recorded within `pages`."""
        with self._transaction() as connection:
            row = connection.execute(_SUMMARY, self._bounds(pages)).fetchone()
        assert row is not None  # an aggregate without GROUP BY is always one row
        return Summary(**row)

    def _transaction(self) -> AbstractContextManager[psycopg.Connection[Any]]:
        settings = self._settings
        database = DatabaseSettings.model_validate(
            {
                "WINDROW_DATABASE_URL": settings.database_url,
                "connect_seconds": settings.connect_seconds,
                "task_statement_seconds": settings.statement_seconds,
            }
        )
        return transaction(database, "parse")

    def _bounds(self, pages: range) -> dict[str, Any]:
        return {"run_id": self._run_id, "first": pages[0], "last": pages[-1]}

    def _row(self, page: Page) -> dict[str, Any]:
        content = page.content
        return {
            "run_id": self._run_id,
            "page_id": page.page_id,
            "url": page.url,
            "http_status": page.status,
            "problem": page.problem,
            "title": content.title,
            "headings": Jsonb([{"level": h.level, "text": h.text} for h in content.headings]),
            "heading_count": content.heading_count,
            "links": list(content.links),
            "link_count": content.link_count,
            "words": content.words,
            "distinct_words": content.distinct_words,
            "characters": content.characters,
        }
