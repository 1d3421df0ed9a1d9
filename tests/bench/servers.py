"""The servers that both sides share: one Redis, one PostgreSQL that syncs to disk, one folder, one guard."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis

from tests.support.databases import Databases
from tests.support.processes import Doors
from windrow.dev.guard import Guard
from windrow.dev.postgres_server import PostgresServer
from windrow.dev.redis_server import RedisServer


@dataclass(frozen=True)
class Servers:
    """Running servers, and `programs` to start what uses them."""

    redis: RedisServer
    postgres: PostgresServer
    databases: Databases
    programs: Doors
    folder: Path

    def redis_url(self, number: int) -> str:
        """One of Redis' numbered databases."""
        return f"{self.redis.url.rpartition('/')[0]}/{number}"


@contextmanager
def running_servers() -> Iterator[Servers]:
    """Start them in a fresh folder; at the end nothing of it is left, processes included."""
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="windrow-bench-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        guard = Guard()
        stack.callback(guard.close)
        redis_server = RedisServer(folder / "redis", usual_port=0, guard=guard)
        stack.callback(redis_server.stop)
        redis_server.start()
        with redis.Redis.from_url(redis_server.url) as client:
            # As Redis comes: Windrow's ledger needs no log of it, and stock Celery is spared the cost.
            client.config_set("appendonly", "no")
        postgres = PostgresServer(folder / "postgres", usual_port=0, guard=guard)
        stack.callback(postgres.stop)
        postgres.start()
        programs = Doors(guard, {"TMPDIR": str(folder)})
        stack.callback(programs.close)
        yield Servers(redis_server, postgres, Databases(postgres), programs, folder)
