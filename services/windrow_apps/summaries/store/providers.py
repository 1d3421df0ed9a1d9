"""What all workers share about providers: turns, circuits, budget, counts. Locks go provider first, then budget."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from psycopg import AsyncConnection, Connection

from windrow_apps.summaries.gate import Go, Standing, Wait, decide
from windrow_apps.summaries.settings import Provider, SummariesSettings

_KNOW = """
INSERT INTO summaries.providers (name, tokens) VALUES (%(name)s, %(burst)s) ON CONFLICT (name) DO NOTHING
"""

_STANDING = """
SELECT tokens, failures,
       extract(epoch FROM clock_timestamp() - refilled_at)::float8 AS refill_age,
       extract(epoch FROM blocked_until - clock_timestamp())::float8 AS blocked_for,
       extract(epoch FROM open_until - clock_timestamp())::float8 AS open_for
FROM summaries.providers WHERE name = %(name)s
FOR UPDATE
"""

_GO = """
UPDATE summaries.providers SET
    tokens = %(tokens)s, refilled_at = clock_timestamp(),
    open_until = CASE WHEN %(probe)s THEN clock_timestamp() + make_interval(secs => %(breaker)s) ELSE open_until END
WHERE name = %(name)s
"""

#: UTC's day by the database's clock.
_TODAY = "(clock_timestamp() AT TIME ZONE 'UTC')::date"

_DAY = f"INSERT INTO summaries.budget (day) VALUES ({_TODAY}) ON CONFLICT (day) DO NOTHING"

_RESERVE = f"""
UPDATE summaries.budget SET tokens = tokens + %(tokens)s
WHERE day = {_TODAY} AND (%(limit)s = 0 OR tokens + %(tokens)s <= %(limit)s)
RETURNING day
"""

_TO_MIDNIGHT = f"""
SELECT extract(epoch FROM ({_TODAY} + 1)::timestamp - (clock_timestamp() AT TIME ZONE 'UTC'))::float8 AS seconds
"""

_WELL = "UPDATE summaries.providers SET failures = 0, open_until = NULL WHERE name = %(name)s"

_BUSY = """
UPDATE summaries.providers SET
    blocked_until = greatest(blocked_until, clock_timestamp() + make_interval(secs => %(seconds)s))
WHERE name = %(name)s
"""

_BAD = """
UPDATE summaries.providers SET
    failures = failures + 1,
    open_until = CASE WHEN failures + 1 >= %(threshold)s
                      THEN clock_timestamp() + make_interval(secs => %(breaker)s) ELSE open_until END
WHERE name = %(name)s
"""

_SPENT = """
UPDATE summaries.budget SET tokens = greatest(0, tokens + %(change)s) WHERE day = %(day)s
"""

_COUNT = f"""
INSERT INTO summaries.calls AS c (day, provider, outcome, calls, input_tokens, output_tokens)
VALUES ({_TODAY}, %(name)s, %(outcome)s, 1, %(input)s, %(output)s)
ON CONFLICT (day, provider, outcome) DO UPDATE SET
    calls = c.calls + 1,
    input_tokens = c.input_tokens + excluded.input_tokens,
    output_tokens = c.output_tokens + excluded.output_tokens
"""

_SHOWN = """
SELECT name, failures,
       extract(epoch FROM blocked_until - clock_timestamp())::float8 AS blocked_for,
       extract(epoch FROM open_until - clock_timestamp())::float8 AS open_for
FROM summaries.providers WHERE name = ANY(%(names)s)
"""

_CALLS = (
    "SELECT provider, outcome, sum(calls)::bigint AS calls FROM summaries.calls GROUP BY 1, 2 ORDER BY 1, 2"
)

_USED = f"SELECT tokens FROM summaries.budget WHERE day = {_TODAY}"


@dataclass(frozen=True, slots=True)
class Permit:
    """A call that may be made, with the tokens that were set aside for it."""

    day: date
    tokens: int


def ask(
    connection: Connection[Any], provider: Provider, tokens: int, settings: SummariesSettings
) -> Permit | Wait:
    """Take a turn and set `tokens` aside, both or neither."""
    name = {"name": provider.name}
    connection.execute(_KNOW, {**name, "burst": provider.burst})
    row = connection.execute(_STANDING, name).fetchone()
    assert row is not None
    decision = decide(Standing(**row), provider, settings.breaker_failures)
    if not isinstance(decision, Go):
        return decision
    connection.execute(_DAY)
    reserved = connection.execute(_RESERVE, {"tokens": tokens, "limit": settings.daily_tokens}).fetchone()
    if reserved is None:
        midnight = connection.execute(_TO_MIDNIGHT).fetchone()
        assert midnight is not None
        return Wait("budget", midnight["seconds"])
    connection.execute(
        _GO, {**name, "tokens": decision.tokens, "probe": decision.probe, "breaker": settings.breaker_seconds}
    )
    return Permit(reserved["day"], tokens)


def succeeded(
    connection: Connection[Any], provider: str, permit: Permit | None, input_tokens: int, output_tokens: int
) -> None:
    """A call gave a summary; without a permit it cost nothing."""
    if permit is not None:
        connection.execute(_WELL, {"name": provider})
        change = input_tokens + output_tokens - permit.tokens
        connection.execute(_SPENT, {"day": permit.day, "change": change})
    count(connection, provider, "ok", input_tokens, output_tokens)


def busy(connection: Connection[Any], provider: str, permit: Permit, seconds: float) -> None:
    """It said 429: nobody calls it for `seconds`, and it is not broken."""
    connection.execute(_BUSY, {"name": provider, "seconds": seconds})
    connection.execute(_SPENT, {"day": permit.day, "change": -permit.tokens})
    count(connection, provider, "busy")


def failed(
    connection: Connection[Any],
    provider: str,
    permit: Permit,
    outcome: str,
    settings: SummariesSettings,
    *,
    charged: bool,
) -> None:
    """A call gave none; what may have been `charged` stays spent."""
    parameters = {
        "name": provider,
        "threshold": settings.breaker_failures,
        "breaker": settings.breaker_seconds,
    }
    connection.execute(_BAD, parameters)
    if not charged:
        connection.execute(_SPENT, {"day": permit.day, "change": -permit.tokens})
    count(connection, provider, outcome)


def count(connection: Connection[Any], provider: str, outcome: str, input: int = 0, output: int = 0) -> None:
    """One more call with this outcome."""
    connection.execute(_COUNT, {"name": provider, "outcome": outcome, "input": input, "output": output})


async def shown(connection: AsyncConnection[Any], names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Failures in a row and seconds left of block and circuit, by provider that was ever called."""
    rows = await (await connection.execute(_SHOWN, {"names": list(names)})).fetchall()
    return {row["name"]: row for row in rows}


async def calls(connection: AsyncConnection[Any]) -> dict[str, dict[str, int]]:
    """Calls so far, by provider and outcome."""
    found: dict[str, dict[str, int]] = {}
    for row in await (await connection.execute(_CALLS)).fetchall():
        found.setdefault(row["provider"], {})[row["outcome"]] = row["calls"]
    return found


async def used_today(connection: AsyncConnection[Any]) -> int:
    """Tokens of today that are spent or set aside."""
    row = await (await connection.execute(_USED)).fetchone()
    return 0 if row is None else int(row["tokens"])
