"""The settings of the parse app, from the environment of the process that asks for them."""

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

MIB = 1024 * 1024


class ParseSettings(BaseSettings):
    """Where pages come from, where rows go, and how hard the source may be asked.

    Each field is read from `WINDROW_PARSE_<NAME>`, `database_url` from `WINDROW_DATABASE_URL`.
    """

    model_config = SettingsConfigDict(env_prefix="WINDROW_PARSE_", frozen=True, extra="ignore")

    #: URL or path with `{id}` in it, or a folder of `<id>.html`. Only the operator sets it:
    #: a caller who could name a URL could read whatever the worker's network can reach.
    source: str = ""
    #: libpq connection URL; secret, because it usually carries a password.
    database_url: SecretStr = Field(default=SecretStr(""), validation_alias="WINDROW_DATABASE_URL")
    #: Proxy for the source, as a URL. The usual proxy variables are ignored on purpose.
    proxy: str | None = None
    #: Requests in flight at once, per job.
    parallelism: int = Field(default=16, ge=1, le=256)
    #: Pages per commit and per progress report: what a killed worker fetches again at most.
    batch_pages: int = Field(default=32, ge=1, le=1000)
    #: Seconds to open a connection, to the source or to PostgreSQL.
    connect_seconds: float = Field(default=5, gt=0, le=60)
    #: Seconds for one page from request to last byte, redirects included.
    page_seconds: float = Field(default=30, gt=0, le=300)
    #: Seconds one SQL statement may take.
    statement_seconds: float = Field(default=30, gt=0, le=300)
    #: Bytes of a page that are read; a longer page is recorded without its content.
    page_bytes: int = Field(default=8 * MIB, ge=1024, le=64 * MIB)
    #: Pages one request may ask for: a job must fit its pool's time limit.
    max_pages: int = Field(default=10_000, ge=1, le=1_000_000)
    #: When a range is parsed again and again, as the five fields of a crontab in WINDROW_TIMEZONE; empty: never.
    schedule: str = ""
    #: First and last page of that range.
    schedule_start_id: int = Field(default=1, ge=1)
    schedule_end_id: int = Field(default=100, ge=1)


def settings() -> ParseSettings:
    """Read the settings now; for entry points: a task's body and the router's factory."""
    return ParseSettings()
