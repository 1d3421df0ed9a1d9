"""A running API on a real ledger and a real Redis, with a few declared tasks and an admin key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.api.hands import Hands
from tests.integration.api.running import RunningApi, declare_tasks
from windrow.dev.redis_server import RedisServer


@pytest.fixture(scope="module")
def api(module_database_url: str, redis_server: RedisServer) -> Iterator[RunningApi]:
    """One API for the tests of a module."""
    declare_tasks(module_database_url)
    with RunningApi(module_database_url, redis_server.url) as running:
        yield running


@pytest.fixture
def start_api(database_url: str, redis_url: str) -> Iterator[Any]:
    """`start_api(api_wait_seconds=1)`: an API with settings of its own, on this test's database."""
    declare_tasks(database_url)
    started: list[RunningApi] = []

    def start(**settings: Any) -> RunningApi:
        running = RunningApi(database_url, settings.pop("redis_url", redis_url), **settings)
        started.append(running.__enter__())
        return running

    yield start
    for running in started:
        running.__exit__(None, None, None)


@pytest.fixture
def hands(api: RunningApi) -> Hands:
    """A worker's hands on that API's jobs."""
    return Hands(api)
