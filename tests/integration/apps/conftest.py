"""The todos app on a real ledger and a real Redis: an API whose routes are open, and what its tasks need."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.integration.api.running import RunningApi
from windrow.core.task import Task
from windrow.dev.redis_server import RedisServer
from windrow.store import catalog
from windrow.store.app_tables import create_app_tables
from windrow.store.ledger import Ledger
from windrow_apps.shared.database import DatabaseSettings
from windrow_apps.shared.ops import Op, run_on
from windrow_apps.todos.app import SPEC

T = TypeVar("T")

TASKS = [
    Task(f"todos.{name}", "default")
    for name in (
        "send_task_reminder",
        "process_task_statistics",
        "check_overdue_tasks",
        "daily_cleanup",
        "export_user_tasks",
        "bulk_update_tasks",
    )
]


class Table:
    """One connection behind the app's back: reads and changes rows, and runs the app's own operations."""

    def __init__(self, connection: psycopg.Connection[dict[str, Any]]) -> None:
        self.connection = connection

    def rows(self, text: str, *params: Any) -> list[dict[str, Any]]:
        cursor = self.connection.execute(text.encode(), params)
        return cursor.fetchall() if cursor.description else []

    def run(self, op: Op[T]) -> T:
        with self.connection.transaction():
            return run_on(self.connection, op)


@pytest.fixture(scope="module")
def todos_url(module_database_url: str) -> str:
    """A database with the app's tables, and its tasks in the catalog."""
    for _ in range(2):  # each upgrade of a release runs them all again
        create_app_tables(module_database_url, SPEC.migrations or "")
    ledger = Ledger(module_database_url)
    ledger.run(catalog.declare, TASKS, "main", "1", True)
    ledger.close()
    return module_database_url


@pytest.fixture(scope="module")
def todos_env(todos_url: str, redis_server: RedisServer) -> Iterator[pytest.MonkeyPatch]:
    """The environment of the API and of a worker."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WINDROW_DATABASE_URL", todos_url)
        patch.setenv("WINDROW_REDIS_URL", redis_server.url)
        yield patch


@pytest.fixture(scope="module")
def todos_api(
    todos_env: pytest.MonkeyPatch, todos_url: str, redis_server: RedisServer
) -> Iterator[RunningApi]:
    """One API for the tests of a module; each takes an owner of its own."""
    with RunningApi(todos_url, redis_server.url, apps=("todos",), open_apps=("todos",)) as running:
        yield running


@pytest.fixture(scope="module")
def table(todos_url: str) -> Iterator[Table]:
    with psycopg.connect(todos_url, autocommit=True, row_factory=dict_row) as connection:
        yield Table(connection)


@pytest.fixture
def database(todos_url: str) -> DatabaseSettings:
    return DatabaseSettings.model_validate({"WINDROW_DATABASE_URL": todos_url})
