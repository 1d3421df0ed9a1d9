"""A running API for the contract tests; nobody waits long in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.api.running import RunningApi, declare_tasks
from windrow.dev.redis_server import RedisServer


@pytest.fixture(scope="module")
def api(module_database_url: str, redis_server: RedisServer) -> Iterator[RunningApi]:
    """One API for the tests of a module."""
    declare_tasks(module_database_url)
    with RunningApi(module_database_url, redis_server.url, api_wait_seconds=0.01) as running:
        yield running
