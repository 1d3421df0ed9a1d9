"""One stack a lane for its crash tests and faults, and the tables of all lanes at the end.

`--seed N` replays a run, `--only 1,11` runs those faults; WINDROW_FAULTS_SEED and WINDROW_FAULTS_ONLY do the same.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.births import Nursery
from tests.faults.collect import Collector
from tests.faults.finished import Finished
from tests.faults.order import place
from tests.faults.report import Report
from tests.faults.rows import Rows
from tests.faults.sizes import FULL, new_seed
from tests.faults.trial import Fault, Trial
from tests.faults.world import World
from tests.support.databases import Databases
from windrow.dev.guard import Guard
from windrow.dev.postgres_server import PostgresServer
from windrow.dev.redis_server import RedisServer

COLLECTOR = pytest.StashKey[Collector]()
DONE = pytest.StashKey[set[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seed", type=int, default=None, help="the seed of the faults: replays a run")
    parser.addoption("--only", default="", help="numbers of faults, with commas")
    parser.addoption("--report", action="store_true", help="write the table into docs/reliability.md")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "fault(number, name, bound): which fault of docs/reliability.md it is")
    config.addinivalue_line("markers", "measured: a crash point whose recovery the full form measures")
    lane = getattr(config, "workerinput", None)
    given = config.getoption("--seed", None) or os.environ.get("WINDROW_FAULTS_SEED")
    seed = lane["faults seed"] if lane else int(given) if given else new_seed()
    finished = Finished(Path(config.rootpath)) if FULL and not lane else None
    config.stash[DONE] = set(lane["faults done"] if lane else finished.done if finished else ())
    config.stash[COLLECTOR] = Collector(config, seed, finished)
    config.pluginmanager.register(config.stash[COLLECTOR])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    only = _only(config)
    numbers = {int(word) for word in only.split(",")} if only else set()
    done = config.stash[DONE]
    kept: list[pytest.Item] = []
    left: list[pytest.Item] = []
    for item in items:
        marker = item.get_closest_marker("fault")
        wanted = not numbers or (marker is not None and marker.args[0] in numbers)
        (kept if wanted and item.nodeid not in done else left).append(item)
    config.hook.pytest_deselected(items=left)
    items[:] = sorted(kept, key=place)


def _only(config: pytest.Config) -> str:
    return str(config.getoption("--only", "") or os.environ.get("WINDROW_FAULTS_ONLY", ""))


def pytest_report_header(config: pytest.Config) -> str:
    form = ", real times and counts" if FULL else ", times and bounds at 1/20"
    done = len(config.stash[DONE])
    return f"faults: seed {config.stash[COLLECTOR].seed}{form}" + (f", {done} done before" if done else "")


@pytest.fixture(scope="session")
def report(pytestconfig: pytest.Config) -> Report:
    """Lines of the test that runs."""
    return pytestconfig.stash[COLLECTOR].report


@pytest.fixture(scope="session")
def rows(pytestconfig: pytest.Config) -> Rows:
    """Rows of the test that runs."""
    return pytestconfig.stash[COLLECTOR].rows


@pytest.fixture(scope="session")
def seed(pytestconfig: pytest.Config) -> int:
    """Of all random choices."""
    return pytestconfig.stash[COLLECTOR].seed


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
def nursery(guard: Guard, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    """Where every door of this lane comes from."""
    nursery = Nursery(guard, tmp_path_factory.mktemp("nursery") / "log")
    yield nursery
    nursery.close()


@pytest.fixture(scope="session")
def world(
    postgres_server: PostgresServer,
    redis_server: RedisServer,
    databases: Databases,
    nursery: Nursery,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[World]:
    """The stack; see there."""
    url = databases.create()
    world = World(postgres_server, redis_server, url, nursery, tmp_path_factory.mktemp("faults"))
    yield world
    world.close()
    databases.drop(url)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    collector = config.stash[COLLECTOR]
    collector.summary(terminalreporter)
    # A part of it must not take the place of the whole.
    if config.getoption("--report", False) and not _only(config):
        from tests.faults.write_report import write_report

        rows, report = collector.everything()
        write_report(rows, report, Path(config.rootpath))
        terminalreporter.write_line("written into docs/reliability.md")
