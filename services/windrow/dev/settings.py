"""What `windrow up` reads from the environment."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from windrow.apps import DEFAULT_APPS
from windrow.broker.address import BrokerSettings
from windrow.core.address_fields import DatabaseUrl, RedisUrl


class UpSettings(BrokerSettings):
    """Each field is read from `WINDROW_<NAME>`; the parts inherit the whole environment besides."""

    model_config = SettingsConfigDict(env_prefix="WINDROW_", frozen=True, extra="ignore")

    #: Where data, logs, passwords and up.json are kept.
    up_folder: Path = Path(".windrow")
    #: A PostgreSQL of your own; without it an embedded one is started.
    database_url: DatabaseUrl | None = Field(default=None, repr=False)
    #: A Redis of your own; without it an embedded one is started.
    redis_url: RedisUrl | None = Field(default=None, repr=False)
    #: `redis` or `rabbitmq` for the queues; empty: RabbitMQ when RABBITMQ_HOST or WINDROW_BROKER_URL names one.
    broker: Literal["", "redis", "rabbitmq"] = ""
    #: Where the API listens; the port is the first one tried.
    api_host: str = "127.0.0.1"
    api_port: int = Field(8000, ge=0, le=65_535)
    #: First port tried for the exporter.
    exporter_port: int = Field(9108, ge=0, le=65_535)
    #: First port tried for Flower.
    flower_port: int = Field(5555, ge=0, le=65_535)
    #: First ports tried for the local mail server, and for the page that shows what it caught.
    up_smtp_port: int = Field(1025, ge=0, le=65_535)
    mail_port: int = Field(8025, ge=0, le=65_535)
    #: First ports tried for the embedded servers.
    redis_port: int = Field(6379, ge=0, le=65_535)
    postgres_port: int = Field(5432, ge=0, le=65_535)
    rabbitmq_server_port: int = Field(5672, ge=0, le=65_535)
    rabbitmq_web_port: int = Field(15672, ge=0, le=65_535)
    #: Apps to serve, separated by commas.
    apps: str = DEFAULT_APPS
    #: Seconds until everything must be ready: a cold machine compiles every module first.
    up_ready_seconds: float = 90.0
    #: Seconds that the worker may use to finish what runs after Ctrl-C.
    up_drain_seconds: float = 30.0
