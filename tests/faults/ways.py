"""The ways to the two stores: where a test says which broker a world has, and what stands before its PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.faults.world import World
from tests.support.pgbouncer_server import PgBouncerServer
from windrow.dev.guard import Guard
from windrow.dev.postgres_server import PostgresServer
from windrow.dev.redis_server import RedisServer


class Way(NamedTuple):
    """One combination."""

    name: str
    #: The only broker there is so far; another one is started and addressed in `open_world`.
    broker: str = "redis"
    pooled: bool = False


DIRECT = Way("direct")
POOLED = Way("through PgBouncer", pooled=True)


@contextmanager
def open_world(
    way: Way,
    postgres: PostgresServer,
    database_url: str,
    guard: Guard,
    folder: Path,
    env: Mapping[str, str] | None = None,
) -> Iterator[World]:
    """A stack beside the shared one, with a broker of its own. Its load is over HTTP only."""
    assert way.broker == "redis"
    broker = RedisServer(folder / "broker", usual_port=0, guard=guard)
    broker.start()
    given = dict(env or {})
    pooler = None
    if way.pooled:
        pooler = PgBouncerServer(folder / "pooler", postgres, guard=guard)
        pooler.start()
        given |= {
            "WINDROW_DATABASE_URL": pooler.through(database_url),
            "WINDROW_PREPARED_STATEMENTS": "false",
        }
    world = None
    try:
        world = World(postgres, broker, database_url, guard, folder, given, team=False)
        yield world
    finally:
        if world is not None:
            world.close()
        if pooler is not None:
            pooler.stop()
        broker.stop()
