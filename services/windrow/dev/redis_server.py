"""An embedded Redis: a real server that keeps every write in an append-only file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import redis

from windrow.dev.guard import Guard
from windrow.dev.ports import LOOPBACK
from windrow.dev.private import kept_password, write_private
from windrow.dev.redis_program import redis_program
from windrow.dev.server import Server


class RedisServer(Server):
    """Redis on loopback with a password; after a kill it loses at most the last second."""

    name = "redis"
    usual_port = 6379

    def __init__(
        self,
        folder: Path,
        *,
        usual_port: int | None = None,
        guard: Guard | None = None,
        program: Path | None = None,
    ) -> None:
        """`program` is the server to run instead of the one that is found."""
        super().__init__(folder, usual_port=usual_port, guard=guard)
        self._named_program = program

    @property
    def url(self) -> str:
        """`redis://:password@127.0.0.1:port/0`."""
        return f"redis://:{self._password}@{LOOPBACK}:{self.port}/0"

    @property
    def _password(self) -> str:
        return kept_password(self.folder / "password")

    def _prepare(self) -> None:
        self._program = self._named_program or redis_program()

    def _command(self, port: int) -> Sequence[str | Path]:
        # A file, because a command line is everybody's to read.
        config = self.folder / "redis.conf"
        lines = {
            "bind": LOOPBACK,
            "port": port,
            "requirepass": self._password,
            "dir": f'"{self.folder}"',
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": '""',
            "daemonize": "no",
            "maxmemory-policy": "noeviction",
        }
        write_private(config, "".join(f"{key} {value}\n" for key, value in lines.items()))
        return [self._program, config]

    def _answers(self, port: int) -> bool:
        client = redis.Redis(
            LOOPBACK, port, password=self._password, socket_timeout=1, socket_connect_timeout=1
        )
        try:
            return bool(client.ping())
        except redis.RedisError:  # refused, or still loading its file
            return False
        finally:
            client.close()
