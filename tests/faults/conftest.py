"""One stack for all crash tests of a run, and its table at the end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.report import Report
from tests.faults.world import World
from tests.support.databases import Databases
from windrow.dev.guard import Guard
from windrow.dev.postgres_server import PostgresServer
from windrow.dev.redis_server import RedisServer

REPORT = pytest.StashKey[Report]()


@pytest.fixture(scope="session")
def report(pytestconfig: pytest.Config) -> Report:
    """Lines of every test of the run."""
    return pytestconfig.stash.setdefault(REPORT, Report())


@pytest.fixture(scope="session")
def world(
    postgres_server: PostgresServer,
    redis_server: RedisServer,
    databases: Databases,
    guard: Guard,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[World]:
    """The stack; see there."""
    url = databases.create()
    world = World(postgres_server, redis_server, url, guard, tmp_path_factory.mktemp("faults"))
    yield world
    world.close()
    databases.drop(url)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    report = config.stash.get(REPORT, None)
    if report is None or not report.lines:
        return
    terminalreporter.section("crash tests")
    for name, note in report.notes.items():
        terminalreporter.write_line(f"{name}: {note}")
    terminalreporter.write_line(report.table())
    path = Path(config.rootpath) / "build" / "crash.json"
    report.write(path)
    terminalreporter.write_line(f"written to {path.relative_to(config.rootpath)}")
