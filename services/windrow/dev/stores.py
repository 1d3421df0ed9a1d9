"""The stores of one `windrow up`: embedded servers, or those that the settings name."""

from __future__ import annotations

from collections.abc import Callable

from windrow.broker.address import place
from windrow.dev.errors import DevError
from windrow.dev.guard import Guard
from windrow.dev.postgres_server import PostgresServer
from windrow.dev.rabbit_server import RabbitServer
from windrow.dev.redis_server import RedisServer
from windrow.dev.server import Server
from windrow.dev.servers import Servers
from windrow.dev.settings import UpSettings
from windrow.dev.usual_ports import UsualPorts


class Stores:
    """Redis, PostgreSQL, maybe RabbitMQ; `servers` keeps those that are ours, URLs are valid once they are started."""

    def __init__(self, settings: UpSettings, guard: Guard, say: Callable[[str], None]) -> None:
        self._settings = settings
        folder = settings.up_folder.absolute()
        self._postgres = PostgresServer(folder / "postgres", usual_port=settings.postgres_port, guard=guard)
        self._redis = RedisServer(folder / "redis", usual_port=settings.redis_port, guard=guard)
        own: list[Server] = []
        for server, variable, url in (
            (self._postgres, "WINDROW_DATABASE_URL", settings.database_url),
            (self._redis, "WINDROW_REDIS_URL", settings.redis_url),
        ):
            if url:
                # Said aloud: the variable may be there for another purpose.
                say(f"{server.name}: {variable} names {place(url)}; none is started here")
            else:
                own.append(server)
        self._rabbit: RabbitServer | None = None
        if settings.broker == "redis" and settings.amqp_url:
            raise DevError("WINDROW_BROKER is redis, but the environment names a RabbitMQ: unset one of them")
        if settings.amqp_url:
            say(f"rabbitmq: the environment names {place(settings.amqp_url)}; none is started here")
        elif settings.broker == "rabbitmq":
            self._rabbit = RabbitServer(
                folder / "rabbitmq",
                usual_port=settings.rabbitmq_server_port,
                usual_web_port=settings.rabbitmq_web_port,
                guard=guard,
            )
            own.append(self._rabbit)
        self.servers = Servers(own, say)

    def tell(self, ports: UsualPorts) -> None:
        """Note each server of ours that did not get its usual port; once they are started."""
        settings, rabbit = self._settings, self._rabbit
        if not settings.database_url:
            ports.moved("PostgreSQL", settings.postgres_port, self._postgres.port, "WINDROW_POSTGRES_PORT")
        if not settings.redis_url:
            ports.moved("Redis", settings.redis_port, self._redis.port, "WINDROW_REDIS_PORT")
        if rabbit is not None:
            usual = settings.rabbitmq_server_port
            ports.moved("RabbitMQ", usual, rabbit.port, "WINDROW_RABBITMQ_SERVER_PORT")
            usual = settings.rabbitmq_web_port
            ports.moved("RabbitMQ's pages", usual, rabbit.web_port, "WINDROW_RABBITMQ_WEB_PORT")

    @property
    def database_url(self) -> str:
        """`postgresql://user:password@host:port/database`."""
        return self._settings.database_url or self._postgres.url

    @property
    def redis_url(self) -> str:
        """`redis://:password@host:port/0`."""
        return self._settings.redis_url or self._redis.url

    @property
    def amqp_url(self) -> str:
        """`amqp://user:password@host:port/vhost`; empty: the queues are on Redis."""
        return self._rabbit.url if self._rabbit is not None else self._settings.amqp_url

    @property
    def management_url(self) -> str:
        """RabbitMQ's management pages; empty without a RabbitMQ, or when nobody says where they are."""
        settings = self._settings
        if self._rabbit is not None:
            return self._rabbit.web_url
        named = settings.rabbitmq_host and not settings.broker_url.get_secret_value()
        return f"http://{settings.rabbitmq_host}:{settings.port_web}" if named else ""
