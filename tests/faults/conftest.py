"""One stack for all crash tests and faults of a run, and their tables at the end.

`--seed N` replays a run, `--only 1,11` runs those faults; WINDROW_FAULTS_SEED and WINDROW_FAULTS_ONLY do the same.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.report import Report
from tests.faults.rows import Rows
from tests.faults.sizes import FULL, machine_factor, new_seed
from tests.faults.trial import Fault, Trial
from tests.faults.world import World
from tests.support.databases import Databases
from windrow.dev.guard import Guard
from windrow.dev.postgres_server import PostgresServer
from windrow.dev.redis_server import RedisServer

REPORT = pytest.StashKey[Report]()
ROWS = pytest.StashKey[Rows]()
SEED = pytest.StashKey[int]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seed", type=int, default=None, help="the seed of the faults: replays a run")
    parser.addoption("--only", default="", help="numbers of faults, with commas")
    parser.addoption("--report", action="store_true", help="write the table into docs/reliability.md")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "fault(number, name, bound): which fault of docs/reliability.md it is")
    given = config.getoption("--seed", None) or os.environ.get("WINDROW_FAULTS_SEED")
    config.stash[SEED] = int(given) if given else new_seed()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    only = _only(config)
    if not only:
        return
    numbers = {int(word) for word in only.split(",")}
    kept: list[pytest.Item] = []
    left: list[pytest.Item] = []
    for item in items:
        marker = item.get_closest_marker("fault")
        (kept if marker is not None and marker.args[0] in numbers else left).append(item)
    config.hook.pytest_deselected(items=left)
    items[:] = kept


def _only(config: pytest.Config) -> str:
    return str(config.getoption("--only", "") or os.environ.get("WINDROW_FAULTS_ONLY", ""))


def pytest_report_header(config: pytest.Config) -> str:
    return f"faults: seed {config.stash[SEED]}{', real times and counts' if FULL else ', times and bounds at 1/20'}"


@pytest.fixture(scope="session")
def report(pytestconfig: pytest.Config) -> Report:
    """Lines of every test of the run."""
    return pytestconfig.stash.setdefault(REPORT, Report())


@pytest.fixture(scope="session")
def rows(pytestconfig: pytest.Config) -> Rows:
    """Rows of every fault of the run."""
    rows = pytestconfig.stash.setdefault(ROWS, Rows())
    rows.notes.setdefault("seed", pytestconfig.stash[SEED])
    rows.notes.setdefault("machine factor", round(machine_factor(), 1))
    return rows


@pytest.fixture(scope="session")
def seed(pytestconfig: pytest.Config) -> int:
    """Of all random choices."""
    return pytestconfig.stash[SEED]


def which(request: pytest.FixtureRequest) -> Fault:
    """The fault that the test is marked with."""
    marker = request.node.get_closest_marker("fault")
    assert marker is not None
    return Fault(*marker.args)


@pytest.fixture
def trial(world: World, rows: Rows, seed: int, request: pytest.FixtureRequest) -> Trial:
    """The fault of this test, on the stack that all share."""
    return Trial(world, rows, which(request), seed)


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
    root = Path(config.rootpath)
    report, rows = config.stash.get(REPORT, None), config.stash.get(ROWS, None)
    if report is not None and report.lines:
        terminalreporter.section("crash tests")
        for name, note in report.notes.items():
            terminalreporter.write_line(f"{name}: {note}")
        terminalreporter.write_line(report.table())
        report.write(root / "build" / "crash.json")
        terminalreporter.write_line("written to build/crash.json")
    if rows is not None and rows.rows:
        terminalreporter.section("faults")
        for name, note in rows.notes.items():
            terminalreporter.write_line(f"{name}: {note}")
        terminalreporter.write_line(rows.table())
        rows.write(root / "build" / "faults.json")
        terminalreporter.write_line("written to build/faults.json")
        # A part of it must not take the place of the whole.
        if config.getoption("--report", False) and not _only(config):
            from tests.faults.write_report import write_report

            write_report(rows, root)
            terminalreporter.write_line("written into docs/reliability.md")
