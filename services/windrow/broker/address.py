"""Which broker a release's queues are on: RabbitMQ where it is named, else Redis."""

from __future__ import annotations

from typing import Self
from urllib.parse import quote, urlsplit

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings

SCHEMES = ("amqp", "amqps")


class BrokerSettings(BaseSettings):
    """What every door's settings have of the broker; the RABBITMQ_* names are those of RabbitMQ's own image.

    Redis is needed in either case: it carries wake-ups, progress, events and remote control.
    """

    #: `amqp://user:password@host:port/vhost`, or amqps: wins over all below. Empty: by RABBITMQ_HOST.
    broker_url: SecretStr = SecretStr("")
    #: RabbitMQ's host; empty: the queues are on Redis.
    rabbitmq_host: str = Field("", validation_alias="RABBITMQ_HOST")
    #: Who logs in, and to which virtual host. With a host both user and password are required.
    rabbitmq_user: str = Field("", validation_alias="RABBITMQ_DEFAULT_USER")
    rabbitmq_password: SecretStr = Field(SecretStr(""), validation_alias="RABBITMQ_DEFAULT_PASS")
    rabbitmq_vhost: str = Field("/", validation_alias="RABBITMQ_DEFAULT_VHOST")
    #: Its port for AMQP.
    port_amqp: int = Field(5672, ge=1, le=65_535, validation_alias="PORT_AMQP")
    #: Of the management plugin: people's pages, and what KEDA asks.
    port_web: int = Field(15672, ge=1, le=65_535, validation_alias="PORT_WEB")
    #: TLS for an address made of RABBITMQ_*; and a file of the authorities to trust instead of the system's.
    broker_tls: bool = False
    broker_ca: str = ""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        url = self.broker_url.get_secret_value()
        if url:
            if urlsplit(url).scheme not in SCHEMES or not urlsplit(url).hostname:
                raise ValueError(
                    "WINDROW_BROKER_URL names a RabbitMQ, amqp://user:password@host:5672/; "
                    "without one the queues are on Redis, at WINDROW_REDIS_URL"
                )
        elif self.rabbitmq_host and not (self.rabbitmq_user and self.rabbitmq_password.get_secret_value()):
            raise ValueError("RABBITMQ_HOST wants RABBITMQ_DEFAULT_USER and RABBITMQ_DEFAULT_PASS beside it")
        return self

    @property
    def amqp_url(self) -> str:
        """The RabbitMQ, with its password; empty: the queues are on Redis."""
        if url := self.broker_url.get_secret_value():
            return url
        if not self.rabbitmq_host:
            return ""
        host = f"[{self.rabbitmq_host}]" if ":" in self.rabbitmq_host else self.rabbitmq_host
        user = quote(self.rabbitmq_user, safe="")
        password = quote(self.rabbitmq_password.get_secret_value(), safe="")
        scheme = "amqps" if self.broker_tls else "amqp"
        query = f"?ca={quote(self.broker_ca, safe='/')}" if self.broker_ca else ""
        vhost = quote(self.rabbitmq_vhost, safe="")
        return f"{scheme}://{user}:{password}@{host}:{self.port_amqp}/{vhost}{query}"


def place(url: str) -> str:
    """Host, port and what follows; who logs in stays out of logs."""
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2] + parts.path
