"""The settings of the HTTP door, each with its unit and its reason."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from windrow.api.cors import checked_origins
from windrow.api.subjects import Subjects, checked
from windrow.apps import DEFAULT_APPS
from windrow.broker.address import BrokerSettings
from windrow.core.addresses import check_database_url, check_redis_url
from windrow.telemetry.settings import TelemetrySettings

DAY_SECONDS = 86_400.0
MIB = 1024 * 1024


class ApiSettings(BrokerSettings, TelemetrySettings):
    """Read from the environment, as `WINDROW_<NAME>`; only `main` does that."""

    model_config = SettingsConfigDict(env_prefix="WINDROW_", frozen=True, extra="ignore")

    #: The ledger's PostgreSQL, libpq's `postgresql://…`; and Redis, `redis://…`, `rediss://…`.
    database_url: SecretStr
    redis_url: SecretStr
    #: Where uvicorn listens; a Unix socket wins over host and port.
    api_host: str = "127.0.0.1"
    api_port: int = Field(8000, ge=0, le=65_535)
    api_socket: Path | None = None
    #: PEM files: the API speaks HTTPS. Both or neither.
    api_tls_certificate: Path | None = None
    api_tls_key: Path | None = None
    #: Origins whose pages may call from a browser, comma separated, `https://app.example.com`; empty: none.
    api_cors_origins: Annotated[tuple[str, ...], NoDecode] = ()
    #: Ledger connections of this process: submits share one, so few are enough.
    api_connections: int = Field(4, ge=1, le=100)
    #: Server-side prepared statements; off behind PgBouncer in transaction mode.
    prepared_statements: bool = True
    #: Seconds that a request waits for the ledger before its 503.
    api_ledger_seconds: float = Field(3.0, gt=0)
    #: Seconds of one statement; with a server that does not even end it, two more.
    api_statement_seconds: float = Field(10.0, gt=0)

    #: False switches every key check off: for a laptop, or behind a gateway that checks.
    api_auth: bool = True
    #: Seconds that a key that was found good is not looked up again: a revoked one works no longer than that.
    api_key_cache_seconds: float = Field(10.0, ge=0)
    #: The audience of ServiceAccount tokens that are taken beside keys; empty: none are.
    api_token_audience: str = ""
    #: Scopes by subject as JSON, `*` for any namespace or name: {"system:serviceaccount:shop:web": ["jobs:write"]}.
    api_subjects: dict[str, frozenset[str]] = Field(default_factory=dict)
    #: Seconds that a token that was found good is not reviewed again, and a refused one.
    api_token_cache_seconds: float = Field(30.0, ge=0)
    api_token_refused_seconds: float = Field(5.0, ge=0)
    #: Seconds of one TokenReview, and how many run at the same time before a new token gets a 503.
    api_token_review_seconds: float = Field(3.0, gt=0)
    api_token_reviews_max: int = Field(32, ge=1)
    #: The API server, and the folder with this pod's own `token` and its `ca.crt`.
    kubernetes_url: str = "https://kubernetes.default.svc"
    kubernetes_credentials: Path = Path("/var/run/secrets/kubernetes.io/serviceaccount")
    #: Apps of this API, and those of them whose routes need no key.
    apps: Annotated[tuple[str, ...], NoDecode] = tuple(DEFAULT_APPS.split(","))
    open_apps: Annotated[tuple[str, ...], NoDecode] = ()

    #: Jobs of one INSERT, and jobs that may wait for one before new ones get a 503.
    api_batch_max: int = Field(500, ge=1, le=5_000)
    api_pending_max: int = Field(20_000, ge=1)
    #: Bytes of one job's encoded input, and of a whole batch.
    api_input_bytes: int = Field(MIB, ge=1)
    api_batch_bytes: int = Field(32 * MIB, ge=1)
    #: Seconds that a request's body may take to arrive; a caller who is slower gets a 408.
    api_body_seconds: float = Field(30.0, gt=0)
    #: Messages per queue and priority step in Redis; the relay holds the rest back.
    window: int = Field(2_000, ge=1)
    #: Seconds between reads of the catalog and of the paused queues.
    api_catalog_seconds: float = Field(5.0, gt=0)
    #: Seconds that an Idempotency-Key is remembered.
    api_idempotency_seconds: float = Field(DAY_SECONDS, gt=0)

    #: Seconds: the longest `Prefer: wait`, under the idle time-outs of usual proxies.
    api_wait_seconds: float = Field(50.0, ge=0)
    #: Seconds between looks at the ledger while somebody waits: a lost wake-up costs that much.
    api_reread_seconds: float = Field(2.0, gt=0)
    #: Event streams at the same time, and seconds between the comments that keep one open.
    api_streams_max: int = Field(500, ge=0)
    api_heartbeat_seconds: float = Field(15.0, gt=0)
    #: Seconds after which a finished job may be gone (beat's setting): a UUIDv7 that is older is answered with 410.
    retention_seconds: float = Field(7 * DAY_SECONDS, gt=0)
    #: Seconds that a stopping server gives its open requests.
    api_drain_seconds: float = Field(20.0, ge=0)

    @field_validator("apps", "open_apps", "api_cors_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(name.strip() for name in value.split(",") if name.strip())
        return value

    @field_validator("api_cors_origins", mode="after")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        checked_origins(value)
        return value

    @model_validator(mode="after")
    def _both_or_neither(self) -> ApiSettings:
        if (self.api_tls_certificate is None) != (self.api_tls_key is None):
            raise ValueError("set both WINDROW_API_TLS_CERTIFICATE and WINDROW_API_TLS_KEY, or neither")
        return self

    @field_validator("database_url", mode="after")
    @classmethod
    def _database(cls, value: SecretStr) -> SecretStr:
        check_database_url(value.get_secret_value())
        return value

    @field_validator("redis_url", mode="after")
    @classmethod
    def _redis(cls, value: SecretStr) -> SecretStr:
        check_redis_url(value.get_secret_value())
        return value

    @field_validator("api_subjects", mode="after")
    @classmethod
    def _checked(cls, value: Subjects) -> Subjects:
        return checked(value)
