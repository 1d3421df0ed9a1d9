"""Fault 26: the disk under PostgreSQL fills. Callers hear 503, and once there is room all goes on without a repair.

A file system of its own (tmpfs) is mounted where that is possible; where it is not, only the other form runs: the
server turns read-only, as managed services do before their disk is full.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest

from tests.faults.births import Nursery
from tests.faults.conftest import which
from tests.faults.rows import Rows
from tests.faults.sizes import FULL, lasting
from tests.faults.trial import Trial, fault
from tests.faults.ways import DIRECT, open_world
from tests.faults.world import World
from tests.support.fixtures import TEST_POSTGRES
from windrow.dev.postgres_server import PostgresServer
from windrow.store.migrate import migrate

pytestmark = [pytest.mark.timeout(0 if FULL else 300), pytest.mark.xdist_group("disk")]

DISK_MEGABYTES = 320


class Disk(NamedTuple):
    """A small disk, the server on it, and the stack on that."""

    folder: Path
    mounted: bool
    server: PostgresServer
    world: World


@pytest.fixture(scope="module")
def disk(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Disk]:
    folder = tmp_path_factory.mktemp("disk")
    mounted = mount(folder)
    options = {**TEST_POSTGRES, "min_wal_size": "32MB", "max_wal_size": "64MB"}
    server = PostgresServer(folder / "server", usual_port=0, guard=nursery.guard, options=options)
    try:
        server.start()
        migrate(server.url)
        with open_world(DIRECT, server, server.url, nursery, tmp_path_factory.mktemp("disk-world")) as world:
            yield Disk(folder, mounted, server, world)
    finally:
        server.stop()
        if mounted:
            subprocess.run(["umount", "--lazy", folder], check=False, timeout=30)


def mount(folder: Path) -> bool:
    """Whether there is a small file system at `folder` now."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MEGABYTES}m", "windrow-faults", str(folder)]
    try:
        return subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 0
    except OSError:
        return False


@fault(26, "PostgreSQL's disk is full", 60)
def test_a_full_disk_is_answered_503_and_needs_no_repair(
    disk: Disk, rows: Rows, seed: int, request: pytest.FixtureRequest
) -> None:
    if not disk.mounted:
        pytest.skip("no file system may be mounted here: the read-only form stands for it")
    filler = disk.folder / "filler"

    def free() -> None:
        filler.unlink()
        if not disk.server.alive():
            # A full log ends the server, as it would end a pod; the kubelet starts it again.
            disk.server.start()

    judge(Trial(disk.world, rows, which(request), seed), lambda: fill(filler), free)
    assert not filler.exists()


@fault(26, "PostgreSQL turns read-only", 60)
def test_a_server_that_turns_read_only_is_answered_503_and_needs_no_repair(
    disk: Disk, rows: Rows, seed: int, request: pytest.FixtureRequest
) -> None:
    def turn(word: str) -> None:
        with psycopg.connect(disk.server.url, autocommit=True) as connection:
            connection.execute(f"ALTER SYSTEM SET default_transaction_read_only = {word}".encode())
            connection.execute("SELECT pg_reload_conf()")

    def free() -> None:
        with psycopg.connect(
            disk.server.url, autocommit=True, options="-c default_transaction_read_only=off"
        ) as connection:
            connection.execute("ALTER SYSTEM RESET default_transaction_read_only")
            connection.execute("SELECT pg_reload_conf()")

    judge(Trial(disk.world, rows, which(request), seed), lambda: turn("on"), free)


def fill(filler: Path) -> None:
    """Until there is no room for a byte."""
    with filler.open("wb", buffering=0) as file:
        for size in (2**20, 2**12):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue


def judge(trial: Trial, break_it: Callable[[], None], mend_it: Callable[[], None]) -> None:
    """Every answer meanwhile is a 202 that is kept, or a 503 with Retry-After."""
    with trial.load(rate=60, kinds={"add": 5, "slow": 1, "flow": 1}):
        break_it()
        began = time.time()
        try:
            # Room in files that are there already lasts for a while.
            trial.world.wait(
                lambda: any(a.status == 503 for a in list(trial.world.load.answers)), "a 503", 60
            )
            time.sleep(lasting(60, 4))
        finally:
            mend_it()
        trial.world.killed()
    trial.judge()
    odd = [answer for answer in trial.answers if answer.status not in (202, 503)]
    refused = [answer for answer in trial.answers if answer.status == 503]
    trial.say(
        f"{len(refused)} answers 503, the first {refused[0].at + refused[0].seconds - began:.1f} s later"
    )
    assert odd == []
    assert all(int(answer.retry_after or 0) > 0 for answer in refused)
    assert trial.deaths() == 0
