"""The two stores of one `windrow up`: embedded servers, or those that the settings name."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from windrow.dev.guard import Guard
from windrow.dev.postgres_server import PostgresServer
from windrow.dev.redis_server import RedisServer
from windrow.dev.server import Server
from windrow.dev.servers import Servers
from windrow.dev.settings import UpSettings


class Stores:
    """Redis and PostgreSQL; `servers` keeps those that are ours, the URLs are valid once they are started."""

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
                say(f"{server.name}: {variable} names {_place(url)}; none is started here")
            else:
                own.append(server)
        self.servers = Servers(own, say)

    @property
    def database_url(self) -> str:
        """`postgresql://user:password@host:port/database`."""
        return self._settings.database_url or self._postgres.url

    @property
    def redis_url(self) -> str:
        """`redis://:password@host:port/0`."""
        return self._settings.redis_url or self._redis.url


def _place(url: str) -> str:
    """Host, port and database of `url`; who logs in stays out of the log."""
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2] + parts.path
