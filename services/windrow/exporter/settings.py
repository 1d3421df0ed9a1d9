"""What the exporter can be told, each value with its unit and its reason."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from windrow.broker.address import BrokerSettings
from windrow.core.address_fields import DatabaseUrl, RedisUrl
from windrow.telemetry.settings import TelemetrySettings


class ExporterSettings(BrokerSettings, TelemetrySettings):
    """Read once, when the exporter starts, from WINDROW_* variables."""

    model_config = SettingsConfigDict(env_prefix="WINDROW_", extra="ignore")

    #: The ledger's PostgreSQL, libpq's `postgresql://…`; and Redis, `redis://…`, `rediss://…`.
    database_url: DatabaseUrl
    redis_url: RedisUrl
    #: Where it listens; in a pod 0.0.0.0.
    exporter_host: str = "127.0.0.1"
    exporter_port: int = Field(9108, ge=0, le=65_535)
    #: Exception classes that have a series of their own for each task and queue; all others are `other`.
    exporter_exceptions: str = (
        "MemoryError,SoftTimeLimitExceeded,TimeLimitExceeded,WorkerLost,WorkerLostError"
    )
    #: Seconds that a scrape waits for the ledger, then for the broker; together well under Prometheus' usual 10.
    exporter_ledger_seconds: float = Field(2.5, gt=0)
    exporter_broker_seconds: float = Field(1.5, gt=0)
    #: Server-side prepared statements; off behind PgBouncer in transaction mode.
    prepared_statements: bool = True

    @property
    def exception_names(self) -> tuple[str, ...]:
        """The classes, each once, in order of mention."""
        names = (name.strip() for name in self.exporter_exceptions.split(","))
        return tuple(dict.fromkeys(name for name in names if name))
