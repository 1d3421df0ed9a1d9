"""Whether a provider may be called now: the rules, without their table."""

from dataclasses import dataclass
from typing import Literal

from windrow_apps.summaries.settings import Provider

Reason = Literal["blocked", "open", "rate", "budget"]


@dataclass(frozen=True, slots=True)
class Standing:
    """What the workers know together of a provider; seconds are relative to the database's now."""

    #: Calls that could be made at once when the bucket was last filled, and the seconds since.
    tokens: float
    refill_age: float
    #: Seconds that its last 429 still holds; None or negative: it does not.
    blocked_for: float | None
    #: Failures in a row, and the seconds for which the circuit is still open.
    failures: int
    open_for: float | None


@dataclass(frozen=True, slots=True)
class Go:
    """It may be called."""

    #: What is left in the bucket.
    tokens: float
    #: The circuit was open long enough: this one call tries it.
    probe: bool


@dataclass(frozen=True, slots=True)
class Wait:
    """It may not, for about `seconds`."""

    reason: Reason
    seconds: float


def decide(standing: Standing, provider: Provider, breaker_failures: int) -> Go | Wait:
    """Block first, then circuit, then bucket: the bucket is not emptied for a call that is not made."""
    if (standing.blocked_for or 0) > 0:
        return Wait("blocked", standing.blocked_for or 0)
    broken = standing.failures >= breaker_failures
    if broken and (standing.open_for or 0) > 0:
        return Wait("open", standing.open_for or 0)
    if provider.per_minute is None:
        return Go(float(provider.burst), broken)
    per_second = provider.per_minute / 60
    tokens = min(float(provider.burst), standing.tokens + max(0.0, standing.refill_age) * per_second)
    # A refill that is short by rounding is a refill.
    if tokens < 1 - 1e-6:
        return Wait("rate", (1 - tokens) / per_second)
    return Go(max(0.0, tokens - 1), broken)


def breaker_state(failures: int, open_for: float | None, breaker_failures: int) -> str:
    """`closed`, `open` or `half_open`, as people call it."""
    if failures < breaker_failures:
        return "closed"
    return "open" if (open_for or 0) > 0 else "half_open"
