"""`world`: a small Windrow of real processes; marked tests run a second time through PgBouncer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.promises.world import FAST, World
from tests.support.pgbouncer_server import PgBouncerServer
from tests.support.processes import Doors
from windrow.dev.guard import Guard


@pytest.fixture
def through() -> str:
    """How the doors reach Postgres; a test that asks for both is marked with BOTH_WAYS."""
    return "direct"


@pytest.fixture
def world(
    through: str,
    database_url: str,
    redis_url: str,
    guard: Guard,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> Iterator[World]:
    """Nothing runs yet. A module may have TIMES of its own."""
    env = {
        **FAST,
        **getattr(request.module, "TIMES", {}),
        "WINDROW_DATABASE_URL": database_url,
        "WINDROW_REDIS_URL": redis_url,
        "TMPDIR": str(tmp_path),
    }
    if through == "pgbouncer":
        pgbouncer: PgBouncerServer = request.getfixturevalue("pgbouncer")
        env |= {
            "WINDROW_DATABASE_URL": pgbouncer.through(database_url),
            "WINDROW_PREPARED_STATEMENTS": "false",
        }
    doors = Doors(guard, env)
    world = World(doors, database_url, redis_url, tmp_path)
    yield world
    doors.close()
    world.close()
