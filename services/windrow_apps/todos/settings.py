"""The settings of the todos app, from the environment of the process that asks for them."""

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

KIB = 1024


class TodoSettings(BaseSettings):
    """How long things are cached and kept, and how much is done at a time.

    Each field is read from `WINDROW_TODOS_<NAME>`, `redis_url` from `WINDROW_REDIS_URL`; for the database see
    windrow_apps/shared/database.py.
    """

    model_config = SettingsConfigDict(
        env_prefix="WINDROW_TODOS_", frozen=True, extra="ignore", populate_by_name=True
    )

    #: Where answers are cached; empty: nowhere. Secret, because it may carry a password.
    redis_url: SecretStr = Field(default=SecretStr(""), validation_alias="WINDROW_REDIS_URL")
    #: Whose to-dos a request without X-User is about, where routes need no key.
    default_owner: str = Field(default="demo", min_length=1, max_length=200)

    #: Seconds that lists and single to-dos stay in the cache, and statistics.
    cache_ttl: int = Field(default=300, ge=1, le=86_400)
    statistics_ttl: int = Field(default=3600, ge=1, le=86_400)
    #: Answers in the cache at the same time, all owners together, and bytes of one; what is more is not cached.
    cache_keys: int = Field(default=10_000, ge=1)
    cache_value_bytes: int = Field(default=256 * KIB, ge=1)
    #: Seconds that Redis has for one call, and that it is left alone once it did not answer.
    cache_seconds: float = Field(default=0.2, gt=0, le=10)
    cache_pause_seconds: float = Field(default=5, ge=0, le=300)

    #: To-dos of one transaction of a task: what a killed worker does again at most.
    batch: int = Field(default=500, ge=1, le=5_000)
    #: Bytes of a file's part: what an export and a download hold at a time.
    part_bytes: int = Field(default=256 * KIB, ge=1, le=8 * 1024 * KIB)
    #: Days that completed to-dos are kept, finished exports, what owners were told, and days of statistics.
    keep_completed_days: int = Field(default=365, ge=1)
    keep_exports_days: int = Field(default=7, ge=1)
    keep_notices_days: int = Field(default=90, ge=1)
    keep_statistics_days: int = Field(default=400, ge=31)


def settings() -> TodoSettings:
    """Read the settings now; for entry points: a task's body and the router's factory."""
    return TodoSettings()
