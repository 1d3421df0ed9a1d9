"""Answers from the cache, or read anew and put there."""

from __future__ import annotations

from uuid import UUID

from fastapi import Response
from pydantic import BaseModel

from windrow_apps.shared.database import Database
from windrow_apps.shared.ops import Op
from windrow_apps.todos.cache import Cache
from windrow_apps.todos.store import generation

#: Where an answer came from: `hit`, `miss`, or `off` while there is no cache.
HEADER = "X-Cache"


class Answers:
    """JSON answers about what an owner has."""

    def __init__(self, database: Database, cache: Cache) -> None:
        self._database = database
        self._cache = cache

    async def get(self, owner: str, name: str, ttl: int, load: Op[BaseModel]) -> Response:
        """The answer called `name`; without one in the cache what `load` reads, which stays there for `ttl` seconds.

        What `load` raises is passed on, and nothing is kept.
        """
        if self._cache.resting:
            return _response((await self._read(owner, load))[1], "off")
        current = await self._database.run_single(generation(owner))
        text = await self._cache.get(owner, current, name)
        if text is not None:
            load.close()
            return _response(text, "hit")
        seen, text = await self._read(owner, load)
        await self._cache.put(owner, seen, name, text, ttl)
        return _response(text, "miss")

    async def _read(self, owner: str, load: Op[BaseModel]) -> tuple[UUID | None, str]:
        # In one snapshot: the generation that it is kept under is the one that it was read in.
        return await self._database.run(_with_generation(owner, load), snapshot=True)


def _with_generation(owner: str, load: Op[BaseModel]) -> Op[tuple[UUID | None, str]]:
    seen = yield from generation(owner)
    answer = yield from load
    return seen, answer.model_dump_json()


def _response(text: str, source: str) -> Response:
    return Response(text, media_type="application/json", headers={HEADER: source})
