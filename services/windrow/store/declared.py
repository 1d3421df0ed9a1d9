"""Schedules that code declares: the newest release's word counts, what it no longer says is disabled."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from windrow.store.op import Op, Query
from windrow.store.schedules import ScheduleRow, as_columns, first_moment
from windrow.store.sent import bound_transaction

_LOCK = 0x5343484544
_VERSION = re.compile(r"v?\d+(?:[.\-_+]\w+)*")


class Declared(NamedTuple):
    """What became of a release's words: ids by what was done."""

    written: list[str]
    disabled: list[str]
    #: Changed by API, another release's, or made by API under the same id: left alone.
    kept: list[str]


_STANDING = """
SELECT id, origin, release, edited, declared_at < clock_timestamp() - %(silence)s * interval '1 second',
       kind, spec, timezone, next_at, enabled
FROM windrow.schedules WHERE origin = 'code' OR id = ANY(%(ids)s) ORDER BY id FOR UPDATE
"""

_WRITE = """
INSERT INTO windrow.schedules AS s (id, task, queue, input, options, priority, kind, spec, timezone, enabled,
                                    origin, release, next_at, error, declared_at)
SELECT n.*, clock_timestamp() FROM unnest(
    %(id)s::text[], %(task)s::text[], %(queue)s::text[], %(input)s::text[], %(options)s::text[],
    %(priority)s::smallint[], %(kind)s::text[], %(spec)s::text[], %(timezone)s::text[], %(enabled)s::boolean[],
    %(origin)s::text[], %(release)s::text[], %(next_at)s::timestamptz[], %(error)s::text[]) AS n
ON CONFLICT (id) DO UPDATE
SET task = excluded.task, queue = excluded.queue, input = excluded.input, options = excluded.options,
    priority = excluded.priority, kind = excluded.kind, spec = excluded.spec, timezone = excluded.timezone,
    enabled = excluded.enabled, release = excluded.release, next_at = excluded.next_at,
    error = coalesce(excluded.error, CASE WHEN s.enabled THEN s.error END), declared_at = excluded.declared_at
"""

_DISABLE = """
UPDATE windrow.schedules
SET enabled = false, next_at = NULL, release = %(release)s, declared_at = clock_timestamp()
WHERE id = ANY(%(ids)s)
"""


def declare(rows: Sequence[ScheduleRow], release: str, silence: float) -> Op[Declared]:
    """Write what a release declares; a row with an error (a refused one) is kept disabled, for all to see.

    Another release's rows are taken over when that one is not newer, or has not said so for `silence` seconds.
    Call it again well within that time. Times of schedules that keep their spec stay.
    """
    yield from bound_transaction()
    yield Query("SELECT pg_advisory_xact_lock(%(key)s)", {"key": _LOCK})
    standing = yield Query(_STANDING, {"ids": [row.id for row in rows], "silence": silence})
    before = {row[0]: row for row in standing}
    kept = [
        row[0]
        for row in standing
        if row[1] != "code" or row[3] or (not row[4] and is_newer(row[2] or "", release))
    ]
    written: list[ScheduleRow] = []
    for row in rows:
        if row.id in kept:
            continue
        old = before.get(row.id)
        next_at = None
        if row.error is None:
            same = (
                old is not None and (old[5], old[6], old[7]) == (row.kind, row.spec, row.timezone) and old[9]
            )
            # A one-off that has fired has no next moment, and gets none by being said again.
            next_at = (
                old[8]
                if old is not None and same
                else row.next_at or (yield from first_moment(row.kind, row.spec, row.timezone))
            )
        written.append(
            row._replace(enabled=row.error is None, origin="code", release=release, next_at=next_at)
        )
    if written:
        yield Query(_WRITE, dict(as_columns(written)))
    names = {row.id for row in rows}
    gone = [row[0] for row in standing if row[0] not in names and row[0] not in kept and row[9]]
    if gone:
        yield Query(_DISABLE, {"ids": gone, "release": release})
    return Declared([row.id for row in written], gone, kept)


def is_newer(release: str, than: str) -> bool:
    """Whether `release` is newer, as far as names tell: versions and revisions do, commits do not."""
    if not (_VERSION.fullmatch(release) and _VERSION.fullmatch(than)):
        return False
    return _rank(release) > _rank(than)


def _rank(release: str) -> list[tuple[bool, int, str]]:
    return [
        (part.isdigit(), int(part) if part.isdigit() else 0, part)
        for part in re.split(r"[.\-_+]", release.removeprefix("v"))
    ]
