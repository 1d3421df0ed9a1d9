"""Fault 27: the ledger is restored from an earlier backup. Nothing starts by itself, and what ran twice was named."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.faults.births import Nursery
from tests.faults.conftest import which
from tests.faults.rows import Rows
from tests.faults.sizes import FULL, lasting
from tests.faults.trial import Trial, fault
from tests.faults.ways import DIRECT, open_world
from tests.faults.world import DOORS, World
from tests.support.fixtures import TEST_POSTGRES
from tests.support.postgres_standby import take_backup
from windrow.dev.postgres_program import postgres_programs
from windrow.dev.postgres_server import PostgresServer
from windrow.store import queues
from windrow.store.ledger import Ledger
from windrow.store.migrate import migrate

pytestmark = pytest.mark.timeout(0 if FULL else 300)


class Restorable(NamedTuple):
    """A stack whose PostgreSQL can be put back to an earlier moment."""

    server: PostgresServer
    world: World
    backup: Path


@pytest.fixture
def restorable(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Restorable]:
    folder = tmp_path_factory.mktemp("restore")
    server = PostgresServer(folder / "server", usual_port=0, guard=nursery.guard, options=TEST_POSTGRES)
    server.start()
    migrate(server.url)
    with open_world(DIRECT, server, server.url, nursery, tmp_path_factory.mktemp("restore-world")) as world:
        yield Restorable(server, world, folder / "backup")
    server.stop()


@fault(27, "ledger restored from 5 min ago", 60)
def test_a_restored_ledger_starts_nothing_by_itself_and_what_runs_twice_was_named_before(
    restorable: Restorable, rows: Rows, seed: int, request: pytest.FixtureRequest
) -> None:
    server, world, backup = restorable
    trial = Trial(world, rows, which(request), seed)
    with trial.load(kinds={"add": 4, "slow": 4, "delayed": 1, "flow": 1}, rate=25):
        time.sleep(1.0)
        take_backup(server, backup, postgres_programs())
        time.sleep(lasting(300, 3))
    world.load.settle()
    for name in DOORS:
        world.doors.retire(name)
        world.doors.kill(name)
    world.wait(lambda: all(map(world.doors.is_gone, DOORS)), "end of all doors", 30)
    put_back(server, backup)
    said = hold(world)
    suspects = {suspect["id"] for suspect in said["suspects"]}
    assert said["suspects_total"] == len(suspects)
    assert "faults" in said["paused"]
    before = runs(world)
    for name, door in DOORS.items():
        world.doors.add(name, door)
    world.wait(lambda: world.living() >= 2, "two workers", 60)
    time.sleep(2.0)
    # Whatever beat and the workers would do by themselves they had time for.
    assert runs(world) == before
    ledger = Ledger(world.database_url)
    for queue in said["paused"]:
        ledger.run(queues.resume, queue)
    ledger.close()
    world.killed()
    trial.note = f"{len(suspects)} suspects"
    line = trial.judge(may_lose=True)
    again = {job for job, number in runs(world).items() if number > before[job] > 0}
    trial.say(f"{line.lost} of {line.accepted} accepted after the backup, {len(again)} ran again")
    # What a suspect sets free has the same id each time: it is not in the ledger yet when the suspects are named.
    roots = dict(
        world.rows("SELECT id, coalesce(root_id, id) FROM windrow.jobs WHERE id = ANY(%s)", list(again))
    )
    assert {roots[job] for job in again - suspects} <= suspects
    assert line.lost < line.accepted


def put_back(server: PostgresServer, backup: Path) -> None:
    """The server as it was."""
    server.stop()
    data = server.folder / "data"
    shutil.rmtree(data)
    backup.rename(data)
    server.start()


def hold(world: World) -> dict[str, Any]:
    """`windrow restore --hold`, as an operator would."""
    said = subprocess.run(
        [sys.executable, "-m", "windrow.cli", "restore", "--hold", "-o", "json"],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(sys.path),
            "WINDROW_DATABASE_URL": world.database_url,
            "WINDROW_REDIS_URL": world.redis.url,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    document: dict[str, Any] = json.loads(said.stdout)
    return document


def runs(world: World) -> Counter[str]:
    """Job -> runs of its body, retries that it wished for left out; the schedule's ticks note none."""
    lines = world.run_lines()
    return Counter(line.split()[0] for line in lines if line.endswith(" 0"))
