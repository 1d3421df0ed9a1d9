"""What a caller of an adopted app can be told."""

from __future__ import annotations

from typing import Any

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from windrow.broker.address import BrokerSettings
from windrow.core.address_fields import DatabaseUrl, RedisUrl


class CallerSettings(BrokerSettings):
    """Read at the first call, from WINDROW_* variables and from what `adopt` was given."""

    model_config = SettingsConfigDict(env_prefix="WINDROW_", extra="ignore")

    #: The ledger's PostgreSQL, libpq's `postgresql://…`; and Redis, `redis://…`, `rediss://…`.
    database_url: DatabaseUrl
    redis_url: RedisUrl
    #: Server-side prepared statements; off behind PgBouncer in transaction mode.
    prepared_statements: bool = False
    #: Messages a list may hold; beyond it jobs wait in the ledger only.
    window: int = Field(2000, ge=1)
    #: Seconds between two looks at a job that somebody waits for, when no wake-up comes.
    reread_seconds: float = Field(1.0, gt=0)


def read_settings(given: dict[str, Any]) -> CallerSettings:
    """The settings; what was given wins over the environment."""
    return CallerSettings(**{name: value for name, value in given.items() if value is not None})
