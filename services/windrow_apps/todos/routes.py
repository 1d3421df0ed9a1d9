"""The HTTP routes of the todos app: to-dos, their statistics, and changes of many at once."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Annotated, Any

import uuid_utils
from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request, Response, status
from pydantic import BaseModel

from windrow.apps import Jobs
from windrow.public import redis_client
from windrow_apps.shared.database import Database, database_settings
from windrow_apps.shared.ops import Op
from windrow_apps.shared.owner_tags import job_tags
from windrow_apps.shared.task_ids import MAX_TODO_ID, not_an_id, register_integer
from windrow_apps.todos import replies, store
from windrow_apps.todos.answers import Answers
from windrow_apps.todos.cache import Cache
from windrow_apps.todos.chore_store import drop_run, order_run
from windrow_apps.todos.export_routes import add_export_routes
from windrow_apps.todos.models import BulkUpdate, NewTodo, TodoChange, TodoQuery
from windrow_apps.todos.owner import owner_of
from windrow_apps.todos.reminders import follow
from windrow_apps.todos.settings import TodoSettings, settings

BULK_TASK = "todos.bulk_update_tasks"
CACHE_CONNECTIONS = 20
DAYS = 30
#: Ids that a refusal names; it says how many there are in all.
MAX_NAMED = 20
_NOT_FOUND: dict[int | str, dict[str, Any]] = {status.HTTP_404_NOT_FOUND: {"description": "No such to-do"}}


def _todo_id(todo_id: Annotated[int, Path(description="The id of a to-do.")]) -> int:
    if todo_id > MAX_TODO_ID:
        raise not_an_id(todo_id)
    return todo_id


TodoId = Annotated[int, Depends(_todo_id)]


def router(jobs: Jobs) -> APIRouter:
    """The routes under `/tasks` and `/cache`. Reads the settings once, now; connects when the API starts."""
    current = settings()
    database = Database(database_settings(), "todos")
    cache = _cache(current)
    register_integer()

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        async with database.opened():
            yield
        await cache.close()

    routes = APIRouter(tags=["todos"], lifespan=lifespan)
    owner = Annotated[str, Depends(owner_of(current.default_owner))]
    _add_readers(routes, owner, Answers(database, cache), current)
    tags = Annotated[list[str], Depends(_tags_of(current.default_owner))]
    _add_writers(routes, owner, tags, jobs, database, cache)
    add_export_routes(routes, owner, tags, jobs, database)

    @routes.get("/cache/status")
    async def cache_status() -> replies.CacheStatus:
        """Whether answers are cached, for how long, and how often that helped; all owners together."""
        return await cache.status()

    return routes


def _add_readers(routes: APIRouter, owner: Any, answers: Answers, current: TodoSettings) -> None:
    @routes.get("/tasks", response_model=replies.TodoPage)
    async def find(caller: owner, query: Annotated[TodoQuery, Query()]) -> Response:
        """The caller's to-dos, a page at a time."""
        name = f"page:{query.model_dump_json()}"
        return await answers.get(caller, name, current.cache_ttl, _page(caller, query))

    @routes.get("/tasks/statistics", response_model=replies.Statistics)
    async def statistics(caller: owner) -> Response:
        """The caller's to-dos, counted; at most an hour old where nothing changed since."""
        return await answers.get(caller, "statistics", current.statistics_ttl, _statistics(caller))

    @routes.get("/tasks/{todo_id:bigint}", response_model=replies.Todo, responses=_NOT_FOUND)
    async def one(caller: owner, todo_id: TodoId) -> Response:
        """One to-do."""
        with _absent(todo_id):
            return await answers.get(caller, f"one:{todo_id}", current.cache_ttl, _one(caller, todo_id))


def _add_writers(
    routes: APIRouter, owner: Any, tags: Any, jobs: Jobs, database: Database, cache: Cache
) -> None:
    async def change(caller: str, op: Op[store.Change]) -> store.Change:
        done = await database.run(op)
        await cache.forget([caller])
        await follow(jobs, database, done)
        return done

    async def changed(caller: str, todo_id: int, fields: dict[str, Any]) -> replies.Todo:
        with _absent(todo_id):
            done = await change(caller, store.change(caller, todo_id, fields))
        assert done.after is not None  # a change leaves a to-do
        return replies.todo(done.after)

    @routes.post("/tasks", status_code=status.HTTP_201_CREATED)
    async def create(caller: owner, body: NewTodo, response: Response) -> replies.Todo:
        """A new to-do; its owner is reminded a day before the deadline, at once where that has passed."""
        done = await change(caller, store.create(caller, body.model_dump()))
        assert done.after is not None  # it was created
        response.headers["Location"] = f"/tasks/{done.after.id}"
        return replies.todo(done.after)

    @routes.put("/tasks/{todo_id:bigint}", responses=_NOT_FOUND)
    async def replace(caller: owner, todo_id: TodoId, body: NewTodo) -> replies.Todo:
        """The whole to-do anew: what is left out gets its default."""
        return await changed(caller, todo_id, body.model_dump())

    @routes.patch("/tasks/{todo_id:bigint}", responses=_NOT_FOUND)
    async def patch(caller: owner, todo_id: TodoId, body: TodoChange) -> replies.Todo:
        """Some fields of a to-do; another deadline is another reminder, none is none."""
        return await changed(caller, todo_id, body.changes())

    @routes.delete("/tasks/{todo_id:bigint}", status_code=status.HTTP_204_NO_CONTENT, responses=_NOT_FOUND)
    async def remove(caller: owner, todo_id: TodoId) -> None:
        """Delete a to-do, and with it its reminder."""
        with _absent(todo_id):
            await change(caller, store.remove(caller, todo_id))

    @routes.post("/tasks/bulk-update", status_code=status.HTTP_202_ACCEPTED, responses=_NOT_FOUND)
    async def bulk_update(caller: owner, mine: tags, body: BulkUpdate) -> replies.Queued:
        """One change for at most 10,000 to-dos, as a job; with one id that is not the caller's, nothing is changed."""
        unknown = await database.run_single(store.missing(caller, body.task_ids))
        if unknown:
            raise HTTPException(status.HTTP_404_NOT_FOUND, _named(unknown))
        ids, run_id = sorted(set(body.task_ids)), str(uuid_utils.uuid7())
        fields = body.update_data.model_dump(mode="json", exclude_unset=True)
        await database.run_single(order_run(run_id, caller, ids, fields))
        try:
            await jobs.submit(BULK_TASK, kwargs={"run_id": run_id}, job_id=run_id, tags=mine)
        except Exception:
            # Best effort: an order without a job stays until it is cleaned up, and nobody knows its id.
            await database.run_single(drop_run(run_id))
            raise
        return replies.Queued(task_id=run_id, message=_will_be_updated(len(ids)))


def _tags_of(default: str) -> Callable[[Request], list[str]]:
    """A dependency: the tags by which the mailroom's `GET /tasks/{uuid}` knows whose job it is."""

    def dependency(request: Request) -> list[str]:
        return job_tags(request, default)

    return dependency


@contextmanager
def _absent(todo_id: int) -> Iterator[None]:
    try:
        yield
    except store.NoTodo:
        # Somebody else's is as absent as one that never was.
        detail = f"There is no to-do with the id {todo_id}"
        raise HTTPException(status.HTTP_404_NOT_FOUND, detail) from None


def _cache(current: TodoSettings) -> Cache:
    url = current.redis_url.get_secret_value()
    return Cache(redis_client(url, current.cache_seconds, CACHE_CONNECTIONS) if url else None, current)


def _page(owner: str, query: TodoQuery) -> Op[BaseModel]:
    found = yield from store.page(owner, query)
    return replies.TodoPage(
        tasks=[replies.todo(row) for row in found.rows],
        total=found.total,
        page=query.page,
        limit=query.limit,
        pages=-(-found.total // query.limit),
    )


def _one(owner: str, todo_id: int) -> Op[BaseModel]:
    return replies.todo((yield from store.read(owner, todo_id)))


def _statistics(owner: str) -> Op[BaseModel]:
    counted = yield from store.counts(owner, DAYS)
    total, completed = counted["total"], counted["completed"]
    rate = round(completed / total, 4) if total else 0.0
    return replies.Statistics(**counted, open=total - completed, completion_rate=rate)


def _will_be_updated(count: int) -> str:
    return f"{count:,} to-do{'' if count == 1 else 's'} will be updated"


def _named(unknown: list[int]) -> str:
    shown = ", ".join(map(str, unknown[:MAX_NAMED]))
    more = f" and {len(unknown) - MAX_NAMED:,} more" if len(unknown) > MAX_NAMED else ""
    return f"There are no to-dos with the ids {shown}{more}: nothing was changed"
