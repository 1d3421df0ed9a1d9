"""The cache on a real Redis and a real PostgreSQL: counted, void after each change, and off when Redis is away.

The races are run step by step: a reader or a writer is stopped at a point of its way, the other one runs, and only then
the first one goes on.
"""

from __future__ import annotations

import asyncio
import itertools
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import pytest
import redis
from fastapi import Response

from tests.integration.apps.conftest import Table
from windrow.dev.redis_server import RedisServer
from windrow.public import redis_client
from windrow_apps.shared.database import Database, DatabaseSettings
from windrow_apps.shared.ops import run_on_async
from windrow_apps.todos import store
from windrow_apps.todos.answers import HEADER, Answers
from windrow_apps.todos.cache import Cache
from windrow_apps.todos.replies import Todo
from windrow_apps.todos.routes import _one
from windrow_apps.todos.settings import TodoSettings

_owners = itertools.count(1)
Point = Callable[[], Awaitable[None]]


class World(NamedTuple):
    """What a reader and a writer have."""

    database: Database
    cache: Cache
    owner: str

    async def add(self, title: str = "old") -> int:
        done = await self.database.run(store.create(self.owner, {"title": title}))
        assert done.after is not None
        return done.after.id

    async def write(self, todo_id: int, title: str) -> None:
        await self.database.run(store.change(self.owner, todo_id, {"title": title}))

    async def read(self, todo_id: int) -> tuple[str, str]:
        """The title, and where it came from."""
        response: Response = await Answers(self.database, self.cache).get(
            self.owner, f"one:{todo_id}", 300, _one(self.owner, todo_id)
        )
        return Todo.model_validate_json(bytes(response.body)).title, response.headers[HEADER]


def settings_of(url: str, **changes: Any) -> TodoSettings:
    return TodoSettings.model_validate({"WINDROW_REDIS_URL": url, "cache_seconds": 5, **changes})


@pytest.fixture
def world(database: DatabaseSettings, redis_url: str) -> Any:
    """`world(story)`: run a story, with `settings=`, `url=` or `cache_class=` of its own."""

    @asynccontextmanager
    async def opened(url: str, cache_class: type[Cache], settings: TodoSettings) -> AsyncIterator[World]:
        pool = Database(database, "tests")
        cache = cache_class(redis_client(url, settings.cache_seconds, 4), settings)
        async with pool.opened():
            yield World(pool, cache, f"owner-{next(_owners)}")
        await cache.close()

    def run(
        story: Callable[[World], Awaitable[Any]],
        url: str = redis_url,
        cache_class: type[Cache] = Cache,
        **changes: Any,
    ) -> Any:
        async def whole() -> Any:
            async with opened(url, cache_class, settings_of(url, **changes)) as made:
                return await story(made)

        return asyncio.run(whole())

    return run


def test_the_second_read_is_a_hit_and_a_change_makes_it_a_miss(world: Any) -> None:
    async def story(world: World) -> None:
        todo = await world.add()
        assert [await world.read(todo) for _ in range(2)] == [("old", "miss"), ("old", "hit")]
        await world.write(todo, "new")
        await world.cache.forget([world.owner])
        assert [await world.read(todo) for _ in range(2)] == [("new", "miss"), ("new", "hit")]
        status = await world.cache.status()
        assert (status.hits, status.misses, status.invalidations, status.keys) == (2, 2, 1, 1)
        assert (status.connected, status.cache_ttl, status.statistics_ttl) == (True, 300, 3600)

    world(story)


def test_a_fill_from_before_a_commit_is_never_read_after_it(world: Any) -> None:
    class Late(Cache):
        """Stops between the read of PostgreSQL and the fill."""

        before_put: Point | None = None

        async def put(self, *args: Any) -> None:
            if self.before_put is not None:
                point, self.before_put = self.before_put, None
                await point()
            await super().put(*args)

    async def story(world: World) -> None:
        todo = await world.add()

        async def writer() -> None:
            await world.write(todo, "new")
            await world.cache.forget([world.owner])

        assert isinstance(world.cache, Late)
        world.cache.before_put = writer
        # It read the old one, and fills the cache only after the writer has committed and invalidated.
        assert await world.read(todo) == ("old", "miss")
        assert await world.read(todo) == ("new", "miss")
        assert await world.read(todo) == ("new", "hit")

    world(story, cache_class=Late)


def test_what_a_reader_caches_while_a_writer_commits_is_void(world: Any) -> None:
    async def story(world: World) -> None:
        todo = await world.add()
        async with world.database.transaction() as connection:
            await run_on_async(connection, store.change(world.owner, todo, {"title": "new"}))
            # Not committed: readers see the old one, and may cache it.
            assert [await world.read(todo) for _ in range(2)] == [("old", "miss"), ("old", "hit")]
        # The writer died here: nobody told the cache.
        assert await world.read(todo) == ("new", "miss")

    world(story)


def test_a_snapshot_is_kept_under_the_generation_that_it_was_read_in(world: Any) -> None:
    class Slow(Cache):
        """Stops between the generation that the reader asks for and its read."""

        after_get: Point | None = None

        async def get(self, *args: Any) -> str | None:
            found = await super().get(*args)
            if self.after_get is not None:
                point, self.after_get = self.after_get, None
                await point()
            return found

    async def story(world: World) -> None:
        todo = await world.add()
        assert isinstance(world.cache, Slow)
        world.cache.after_get = lambda: world.write(todo, "new")
        assert await world.read(todo) == ("new", "miss")
        assert await world.read(todo) == ("new", "hit")

    world(story, cache_class=Slow)


def test_writers_at_once_leave_no_stale_answer(world: Any) -> None:
    async def story(world: World) -> None:
        todo = await world.add()

        async def writer(number: int) -> None:
            await world.write(todo, f"title {number}")
            await world.cache.forget([world.owner])

        async def reader() -> None:
            for _ in range(10):
                await world.read(todo)

        await asyncio.gather(*(writer(number) for number in range(20)), *(reader() for _ in range(4)))
        row = await world.database.run(store.read(world.owner, todo))
        assert [(await world.read(todo))[0] for _ in range(2)] == [row.title] * 2

    world(story)


def test_a_redis_that_came_back_with_old_answers_serves_none_of_them(
    world: Any, redis_server: RedisServer, redis_url: str
) -> None:
    async def story(world: World) -> None:
        todo = await world.add()
        await world.read(todo)
        with redis.Redis.from_url(redis_url) as client:
            saved = {key: client.dump(key) for key in client.scan_iter("windrow:todos:*")}
            await world.write(todo, "new")
            await world.cache.forget([world.owner])
            for key, value in saved.items():
                client.restore(key, 0, value, replace=True)
        assert await world.read(todo) == ("new", "miss")

    world(story)


def test_without_redis_answers_come_from_postgres_and_only_the_first_one_asks(world: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    class Counting(Cache):
        tries = 0

        async def _ask(self, call: Any) -> Any:
            async def counted() -> Any:
                self.tries += 1
                return await call()

            return await super()._ask(counted)

    async def story(world: World) -> None:
        todo = await world.add()
        seen = [await world.read(todo) for _ in range(5)]
        assert seen == [("old", "miss"), *[("old", "off")] * 4]
        await world.write(todo, "new")
        await world.cache.forget([world.owner])
        assert await world.read(todo) == ("new", "off")
        assert isinstance(world.cache, Counting)
        assert world.cache.tries == 1
        status = await world.cache.status()
        assert (status.connected, status.hits, status.keys) == (False, None, None)

    world(story, url=f"redis://127.0.0.1:{port}/0", cache_class=Counting, cache_pause_seconds=300)


def test_the_cache_is_bounded_and_its_answers_expire(world: Any, redis_url: str) -> None:
    async def story(world: World) -> None:
        todos = [await world.add() for _ in range(4)]
        for todo in todos:
            await world.read(todo)
        assert (await world.cache.status()).keys == 3
        await world.cache.put(world.owner, None, "long", "x" * 2_000, 300)
        assert await world.cache.get(world.owner, None, "long") is None
        with redis.Redis.from_url(redis_url) as client:
            entries = list(client.scan_iter("windrow:todos:cache:entry:*"))
            assert all(0 < client.ttl(key) <= 300 for key in entries)
            assert len(entries) == 3
        await world.cache.forget([world.owner])
        assert (await world.cache.status()).keys == 0

    world(story, cache_keys=3, cache_value_bytes=1_000)


def test_the_names_of_expired_answers_are_not_kept(world: Any, redis_url: str) -> None:
    async def story(world: World) -> None:
        for number in range(5):
            await world.cache.put(world.owner, None, f"query {number}", "x", 1)
        with redis.Redis.from_url(redis_url) as client:
            (owned,) = client.scan_iter("windrow:todos:cache:owned:*")
            deadline = time.monotonic() + 20
            while client.zcard(owned) > 1:
                assert time.monotonic() < deadline, "they are kept"
                await asyncio.sleep(0.1)
                await world.cache.put(world.owner, None, "another query", "x", 300)

    world(story)


def test_no_owner_sees_anothers_answers(world: Any, table: Table) -> None:
    async def story(world: World) -> None:
        todo = await world.add()
        await world.read(todo)
        other = world._replace(owner=f"{world.owner}-other")
        with pytest.raises(store.NoTodo):
            await other.read(todo)

    world(story)
