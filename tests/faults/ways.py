"""The ways to the two stores: where a test says which broker a world has, and what stands before its PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.faults.births import Nursery
from tests.faults.world import World
from tests.support.pgbouncer_server import PgBouncerServer
from windrow.dev.postgres_server import PostgresServer
from windrow.dev.rabbit_server import RabbitServer
from windrow.dev.redis_server import RedisServer


class Way(NamedTuple):
    """One combination."""

    name: str
    #: Who keeps the messages: `redis` or `rabbitmq`. There is a Redis in either case.
    broker: str = "redis"
    pooled: bool = False


DIRECT = Way("direct")
POOLED = Way("through PgBouncer", pooled=True)
RABBIT = Way("on RabbitMQ", broker="rabbitmq")


@contextmanager
def open_world(
    way: Way,
    postgres: PostgresServer,
    database_url: str,
    nursery: Nursery,
    folder: Path,
    env: Mapping[str, str] | None = None,
) -> Iterator[World]:
    """A stack beside the shared one, with a broker of its own. Its load is over HTTP only."""
    store = RedisServer(folder / "broker", usual_port=0, guard=nursery.guard)
    store.start()
    given = dict(env or {})
    rabbit = pooler = None
    if way.broker == "rabbitmq":
        rabbit = RabbitServer(folder / "rabbit", usual_port=0, usual_web_port=0, guard=nursery.guard)
        rabbit.start()
    if way.pooled:
        pooler = PgBouncerServer(folder / "pooler", postgres, guard=nursery.guard)
        pooler.start()
        given |= {
            "WINDROW_DATABASE_URL": pooler.through(database_url),
            "WINDROW_PREPARED_STATEMENTS": "false",
        }
    world = None
    try:
        world = World(postgres, store, database_url, nursery, folder, given, team=False, rabbit=rabbit)
        yield world
    finally:
        if world is not None:
            world.close()
        if pooler is not None:
            pooler.stop()
        if rabbit is not None:
            rabbit.stop()
        store.stop()
