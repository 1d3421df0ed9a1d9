"""An address that can never work: each door says so once, shortly, without a traceback or a password, and lives."""

from __future__ import annotations

import re
import time
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import httpx
import pytest

from tests.support.processes import Door, Doors
from windrow.dev.ports import free_port

pytestmark = pytest.mark.timeout(180)

#: Of what both stores do; each line at most once in 30 s, so a few for all of a door's parts together.
MAX_LINES = 14
TROUBLE = re.compile(
    r"(?i)resolve|name or service|authentication|password|WRONGPASS|refused|no answer|not answer|couldn't get"
)
SECRET = "not-the-password"


def with_secret(url: str) -> str:
    """`url` with a password that is wrong."""
    parts = urlsplit(url)
    user = parts.username or ""
    return urlunsplit(parts._replace(netloc=f"{user}:{SECRET}@{parts.hostname}:{parts.port}"))


@pytest.fixture(params=["unresolvable", "wrong password"])
def env(request: pytest.FixtureRequest, database_url: str, redis_url: str, tmp_path: Path) -> dict[str, str]:
    addresses = {
        "WINDROW_DATABASE_URL": f"postgresql://u:{SECRET}@no-such-host.invalid:5432/d",
        "WINDROW_REDIS_URL": f"redis://:{SECRET}@no-such-host.invalid:6379/0",
    }
    if request.param == "wrong password":
        addresses = {
            "WINDROW_DATABASE_URL": with_secret(database_url),
            "WINDROW_REDIS_URL": with_secret(redis_url),
        }
    return {
        **addresses,
        "WINDROW_API_PORT": str(free_port()),
        "WINDROW_EXPORTER_PORT": str(free_port()),
        "WINDROW_CONCURRENCY": "1",
        "TMPDIR": str(tmp_path),
    }


def test_every_door_says_it_and_goes_on(doors: Doors, env: dict[str, str], tmp_path: Path) -> None:
    began = time.monotonic()
    arguments = {"beat": [f"--pidfile={tmp_path / 'beat.pid'}"]}
    started = [
        doors.start(name, *arguments.get(name, []), env=env, ready="")
        for name in ("api", "worker", "beat", "exporter")
    ]
    exporter = started[-1]
    exporter.expect("exporter is ready", 60)
    with httpx.Client(trust_env=False, timeout=20) as client:
        for _ in range(3):
            client.get(f"http://127.0.0.1:{env['WINDROW_EXPORTER_PORT']}/metrics")
    for door in started:
        door.expect(TROUBLE.pattern, 60)
    # Several attempts of each of them.
    time.sleep(6)
    periods = 1 + int((time.monotonic() - began) / 30)
    for door in started:
        check(door, MAX_LINES * periods)


def check(door: Door, most: int) -> None:
    log = door.log()
    assert door.returncode is None, log
    assert "Traceback" not in log, log
    assert SECRET not in log, log
    said = [line for line in door.lines if TROUBLE.search(line)]
    assert 0 < len(said) <= most, log


def test_a_malformed_address_is_one_line_at_the_start(doors: Doors) -> None:
    env = {"WINDROW_DATABASE_URL": f"postgresql://u:{SECRET}@db:port/d"}
    names = ("api", "worker", "beat", "exporter", "migrate", "scaler")
    for ran in [doors.start(name, env=env, ready="") for name in names]:
        assert ran.wait(60)
        ran.reap()
        assert ran.returncode == 2
        said = [line for line in ran.lines if "WINDROW_DATABASE_URL" in line]
        assert len(said) == 1
        assert "the address cannot work: its port is no number" in said[0]
        assert SECRET not in ran.log()
        assert "Traceback" not in ran.log()
