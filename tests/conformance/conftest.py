"""The records of all cases: once from stock Celery, once under adopt, each with a real prefork worker."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.support.databases import Databases
from tests.support.processes import Doors
from windrow.dev.guard import Guard
from windrow.dev.redis_server import RedisServer

APP = "tests.conformance.project.celeryapp:app"
ROOT = Path(__file__).parents[2]
CONCURRENCY = "6"
STOCK_OPTIONS = ("-Q", "shop,shop-side", "-c", CONCURRENCY, "-l", "INFO")
START_SECONDS = 120.0
RUN_SECONDS = 400.0
#: Stock Celery sends a retry before it saves RETRY: a quick next try's SUCCESS may be overwritten, and stays so. Such
#: a record tells of that race and not of its case, which is taken again so many times.
RACES = 3

Records = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def shop_url(redis_server: RedisServer) -> str:
    """An empty Redis; its databases are numbered by the test."""
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
    return redis_server.url.rpartition("/")[0]


def environment(url: str, first: int, **more: str) -> dict[str, str]:
    """The project's addresses in the Redis databases from `first` on."""
    return {
        "SHOP_BROKER_URL": f"{url}/{first}",
        "SHOP_RESULT_URL": f"{url}/{first + 1}",
        "SHOP_EFFECTS_URL": f"{url}/{first + 2}",
        **more,
    }


@pytest.fixture(scope="module")
def stock_records(shop_url: str, guard: Guard, tmp_path_factory: pytest.TempPathFactory) -> Records:
    """From stock Celery with a Redis result backend."""
    doors = Doors(guard, environment(shop_url, 0))
    try:
        doors.run(
            "celery",
            [
                sys.executable,
                "-m",
                "celery",
                "-A",
                APP,
                "worker",
                "-Q",
                "shop,shop-side",
                "-c",
                CONCURRENCY,
                "-l",
                "INFO",
            ],
            ready=r"\bready\b",
            cwd=ROOT,
            timeout=START_SECONDS,
        )
        out = tmp_path_factory.mktemp("stock") / "records.json"
        records = run_cases(doors, out)
        for _ in range(RACES):
            raced = [name for name, record in records.items() if record.get("state") == "RETRY"]
            records |= run_cases(doors, out, *raced) if raced else {}
        return records
    finally:
        doors.close()


@contextmanager
def adopted_project(
    guard: Guard, url: str, first: int, database_url: str, folder: Path, **more: str
) -> Iterator[Doors]:
    """The same project adopted: a worker and a beat; `doors.start` more."""
    doors = Doors(
        guard,
        environment(
            url,
            first,
            WINDROW_DATABASE_URL=database_url,
            WINDROW_REDIS_URL=f"{url}/{first}",
            WINDROW_CELERY_APP=APP,
            WINDROW_QUEUES="shop,shop-side",
            WINDROW_CONCURRENCY=CONCURRENCY,
            TMPDIR=str(folder),
            PYTHONPATH=str(ROOT),
            **more,
        ),
    )
    try:
        doors.start("beat", timeout=START_SECONDS)
        doors.start("worker", "--loglevel", "INFO", timeout=START_SECONDS)
        yield doors
    finally:
        doors.close()


@pytest.fixture(scope="module")
def adopted(
    shop_url: str, databases: Databases, guard: Guard, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Doors]:
    """The project adopted, on Redis databases 3 to 5."""
    database_url = databases.create()
    with adopted_project(guard, shop_url, 3, database_url, tmp_path_factory.mktemp("adopted")) as doors:
        yield doors
    databases.drop(database_url)


@pytest.fixture(scope="module")
def adopted_records(adopted: Doors, tmp_path_factory: pytest.TempPathFactory) -> Records:
    """From the adopted project."""
    return run_cases(adopted, tmp_path_factory.mktemp("records") / "records.json", "--adopt")


def run_cases(doors: Doors, out: Path, *options: str) -> Records:
    """Run every case in a caller's process of its own."""
    caller = doors.run(
        "caller", [sys.executable, "-m", "tests.conformance.run", str(out), *options], cwd=ROOT
    )
    caller.expect(lambda: caller.returncode is not None, RUN_SECONDS)
    records: Records = json.loads(out.read_text())
    return records
