"""`stack`: one running Windrow with its Prometheus for all of this suite."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import yaml

# Fixtures of the chart's suite: Helm renders the rules here as it does there.
from tests.chart.conftest import Render, program, render, run  # noqa: F401
from tests.monitoring.stack import Stack
from tests.support.databases import Databases
from windrow.dev.guard import Guard
from windrow.dev.redis_server import RedisServer

VALUES = Path(__file__).with_name("values.yaml")


@pytest.fixture(scope="session")
def rules(render: Render) -> str:  # noqa: F811
    """The rules file, with windows of seconds."""
    (found,) = [one for one in render("--values", VALUES) if one["metadata"]["name"] == "windrow-rules"]
    text = found["data"]["windrow.rules.yaml"]
    assert yaml.safe_load(text)["groups"]
    return str(text)


@pytest.fixture(scope="session")
def stack(
    guard: Guard,
    databases: Databases,
    redis_server: RedisServer,
    rules: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stack]:
    """Up, scraped, and without an alert."""
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
    url = databases.create()
    stack = Stack(guard, url, redis_server.url, tmp_path_factory.mktemp("monitoring"), rules)
    yield stack
    stack.close()
    databases.drop(url)
