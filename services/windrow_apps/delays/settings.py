"""The settings of the delays app, from the environment of the process that asks for them."""

from pydantic import AliasChoices, Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class DelaysSettings(BaseSettings):
    """How long a request waits, and how many do. Each field is read from `WINDROW_DELAYS_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix="WINDROW_DELAYS_", frozen=True, extra="ignore")

    #: Seconds that a request waits for its job before it is answered with 202 and the job is stopped. Proxies in
    #: between must allow more. Plain `TASK_TIMEOUT` is read too: what this replaces was configured by it.
    task_timeout: float = Field(
        default=30,
        gt=0,
        le=3600,
        validation_alias=AliasChoices("WINDROW_DELAYS_TASK_TIMEOUT", "TASK_TIMEOUT"),
    )
    #: Seconds beyond `task_timeout` after which a job is ended although nobody stopped it: its API was killed.
    task_margin: float = Field(default=5, gt=0, le=300)
    #: Requests of one API process that wait at once; one more is answered with 503. Each costs a socket and some
    #: kilobytes, no thread and no database connection.
    max_waiting: int = Field(default=1000, ge=1, le=100_000)


def settings() -> DelaysSettings:
    """Read the settings now; for entry points: the router's factory."""
    return DelaysSettings()
