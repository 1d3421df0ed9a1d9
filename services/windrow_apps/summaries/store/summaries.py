"""Summaries: PENDING until a job has written one (OK) or has given up (FAILED)."""

from collections.abc import Mapping
from typing import Any

from psycopg import AsyncConnection, Connection

_PUT = """
INSERT INTO summaries.summaries (job_id, article_id)
SELECT * FROM unnest(%(jobs)s::text[], %(articles)s::bigint[]) ORDER BY 1
ON CONFLICT (job_id) DO NOTHING
"""

_GET = "SELECT * FROM summaries.summaries WHERE job_id = %(job)s"

#: A job that was begun again after it had failed (`:retry`) starts from nothing; one that is OK stays as it is.
_BEGIN = """
INSERT INTO summaries.summaries AS s (job_id, article_id, running_since)
SELECT %(job)s, id, clock_timestamp() FROM summaries.articles WHERE id = %(article)s
ON CONFLICT (job_id) DO UPDATE SET
    status = CASE s.status WHEN 'OK' THEN 'OK' ELSE 'PENDING' END,
    running_since = CASE s.status WHEN 'OK' THEN NULL ELSE clock_timestamp() END,
    failures = CASE s.status WHEN 'FAILED' THEN 0 ELSE s.failures END,
    waits = CASE s.status WHEN 'FAILED' THEN 0 ELSE s.waits END,
    created_at = CASE s.status WHEN 'FAILED' THEN clock_timestamp() ELSE s.created_at END,
    finished_at = CASE s.status WHEN 'FAILED' THEN NULL ELSE s.finished_at END
RETURNING s.*, extract(epoch FROM clock_timestamp() - s.created_at)::float8 AS age
"""

_ARTICLE = "SELECT id, title, text, language FROM summaries.articles WHERE id = %(article)s"

_SUCCEED = """
UPDATE summaries.summaries SET
    status = 'OK', summary = %(summary)s, provider = %(provider)s, model = %(model)s, language = %(language)s,
    input_tokens = %(input_tokens)s, output_tokens = %(output_tokens)s, error = NULL,
    running_since = NULL, finished_at = clock_timestamp()
WHERE job_id = %(job)s
"""

_POSTPONE = """
UPDATE summaries.summaries SET
    failures = failures + %(failures)s, waits = waits + %(waits)s, error = %(error)s, running_since = NULL
WHERE job_id = %(job)s AND status = 'PENDING'
"""

_FAIL = """
UPDATE summaries.summaries SET
    status = 'FAILED', error = %(error)s, failures = failures + %(failures)s,
    running_since = NULL, finished_at = clock_timestamp()
WHERE job_id = %(job)s AND status = 'PENDING'
"""

_FAIL_MANY = """
UPDATE summaries.summaries s SET
    status = 'FAILED', error = f.error, running_since = NULL, finished_at = clock_timestamp()
FROM (SELECT * FROM unnest(%(jobs)s::text[], %(errors)s::text[]) AS t (job_id, error)) f
WHERE s.job_id = f.job_id AND s.status = 'PENDING'
"""

_OLDEST = """
SELECT job_id FROM summaries.summaries
WHERE status = 'PENDING' AND created_at < clock_timestamp() - make_interval(secs => %(age)s)
ORDER BY created_at LIMIT %(limit)s
"""

_COUNTS = """
SELECT count(*) FILTER (WHERE status = 'PENDING' AND running_since IS NULL) AS queued,
       count(*) FILTER (WHERE status = 'PENDING' AND running_since IS NOT NULL) AS running,
       count(*) FILTER (WHERE status = 'OK') AS finished,
       count(*) FILTER (WHERE status = 'FAILED') AS failed
FROM summaries.summaries
"""


async def put(connection: AsyncConnection[Any], jobs: Mapping[str, int]) -> None:
    """Note that these jobs (id: article) were kept; those that are known stay as they are."""
    parameters = {"jobs": list(jobs), "articles": list(jobs.values())}
    await connection.execute(_PUT, parameters)


async def get(connection: AsyncConnection[Any], job_id: str) -> dict[str, Any] | None:
    """A job's summary, or None."""
    return await (await connection.execute(_GET, {"job": job_id})).fetchone()


async def oldest(connection: AsyncConnection[Any], age: float, limit: int) -> list[str]:
    """Jobs that are PENDING for more than `age` seconds, the oldest first."""
    rows = await (await connection.execute(_OLDEST, {"age": age, "limit": limit})).fetchall()
    return [row["job_id"] for row in rows]


async def fail_many(connection: AsyncConnection[Any], errors: Mapping[str, str]) -> None:
    """PENDING to FAILED, for jobs (id: reason) that ended without their task's own word."""
    await connection.execute(
        _FAIL_MANY, {"jobs": sorted(errors), "errors": [errors[job] for job in sorted(errors)]}
    )


async def counts(connection: AsyncConnection[Any]) -> dict[str, int]:
    """How many are queued, running, finished and failed."""
    row = await (await connection.execute(_COUNTS)).fetchone()
    assert row is not None
    return dict(row)


def begin(connection: Connection[Any], job_id: str, article_id: int) -> dict[str, Any] | None:
    """Note that an attempt runs; the row with its `age` in seconds, or None when there is no such article."""
    return connection.execute(_BEGIN, {"job": job_id, "article": article_id}).fetchone()


def article(connection: Connection[Any], article_id: int) -> dict[str, Any]:
    """The article of a summary: it exists, the row refers to it."""
    row = connection.execute(_ARTICLE, {"article": article_id}).fetchone()
    assert row is not None
    return dict(row)


def succeed(connection: Connection[Any], job_id: str, fields: Mapping[str, Any]) -> None:
    """To OK, with who wrote it."""
    connection.execute(_SUCCEED, {"job": job_id, **fields})


def postpone(connection: Connection[Any], job_id: str, error: str, *, failed: bool) -> None:
    """It stays PENDING; the attempt counts as a failure or as a wait."""
    parameters = {"job": job_id, "error": error, "failures": int(failed), "waits": int(not failed)}
    connection.execute(_POSTPONE, parameters)


def fail(connection: Connection[Any], job_id: str, error: str, *, failed: bool) -> None:
    """PENDING to FAILED."""
    connection.execute(_FAIL, {"job": job_id, "error": error, "failures": int(failed)})
