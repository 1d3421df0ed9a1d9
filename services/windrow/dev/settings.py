"""What `windrow up` reads from the environment."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from windrow.apps import DEFAULT_APPS
from windrow.core.address_fields import DatabaseUrl, RedisUrl


class UpSettings(BaseSettings):
    """Each field is read from `WINDROW_<NAME>`; the parts inherit the whole environment besides."""

    model_config = SettingsConfigDict(env_prefix="WINDROW_", frozen=True, extra="ignore")

    #: Where data, logs, passwords and up.json are kept.
    up_folder: Path = Path(".windrow")
    #: A PostgreSQL of your own; without it an embedded one is started.
    database_url: DatabaseUrl | None = Field(default=None, repr=False)
    #: A Redis of your own; without it an embedded one is started.
    redis_url: RedisUrl | None = Field(default=None, repr=False)
    #: Where the API listens; the port is the first one tried.
    api_host: str = "127.0.0.1"
    api_port: int = 8000
    #: First port tried for the exporter.
    exporter_port: int = 9108
    #: First port tried for Flower.
    flower_port: int = 5555
    #: First ports tried for the local mail server, and for the page that shows what it caught.
    up_smtp_port: int = 1025
    mail_port: int = 8025
    #: First ports tried for the embedded servers.
    redis_port: int = 6379
    postgres_port: int = 5432
    #: Apps to serve, separated by commas.
    apps: str = DEFAULT_APPS
    #: Seconds until everything must be ready: a cold machine compiles every module first.
    up_ready_seconds: float = 90.0
    #: Seconds that the worker may use to finish what runs after Ctrl-C.
    up_drain_seconds: float = 30.0
