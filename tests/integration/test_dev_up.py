"""`windrow up` with real servers and stand-in doors: ready, restarts, and an end that leaves nothing behind."""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from tests.support.processes import Door, Doors
from windrow.core.ids import new_id
from windrow.core.job import NewJob
from windrow.dev.detach import start_detached, wait_until_ready
from windrow.dev.down import down
from windrow.dev.errors import AlreadyRunning, PartFailed
from windrow.dev.guard import Guard
from windrow.dev.ports import free_port
from windrow.dev.postgres_server import PostgresServer
from windrow.dev.redis_server import RedisServer
from windrow.dev.state import UpState
from windrow.store.accept import accept
from windrow.store.claim import Start, claim, start
from windrow.store.ledger import Ledger

COMMAND = [sys.executable, "-m", "tests.support.stand_in_up"]
READY = "Ctrl-C stops everything"


class Ups:
    """Starts `windrow up` in one folder, on ports of its own."""

    def __init__(self, doors: Doors, folder: Path) -> None:
        self._doors = doors
        self.folder = folder
        self.env = {
            "WINDROW_UP_FOLDER": str(folder),
            "WINDROW_UP_DRAIN_SECONDS": "5",
            **{
                f"WINDROW_{name}_PORT": str(free_port())
                for name in ("API", "EXPORTER", "FLOWER", "REDIS", "POSTGRES")
            },
        }

    def start(self, ready: str = READY, **env: str) -> Door:
        return self._doors.run("up", COMMAND, env={**self.env, **env}, ready=ready)

    def state(self) -> UpState:
        state = UpState.read(self.folder)
        assert state is not None
        return state


@pytest.fixture
def ups(guard: Guard, tmp_path: Path) -> Iterator[Ups]:
    doors = Doors(guard, {})
    yield Ups(doors, tmp_path / "windrow")
    doors.close()


def everything(door: Door) -> list[psutil.Process]:
    """`up` and all that it has started, grandchildren too."""
    first = psutil.Process(door.pid)
    return [first, *first.children(recursive=True)]


def assert_gone(processes: list[psutil.Process]) -> None:
    _, left = psutil.wait_procs(processes, timeout=25)
    assert [process for process in left if process.status() != psutil.STATUS_ZOMBIE] == []


def test_up_says_where_it_is_when_ready_and_leaves_nothing_after_ctrl_c(ups: Ups) -> None:
    up = ups.start()
    state = ups.state()
    assert (ups.folder / "up.json").stat().st_mode & 0o777 == 0o600
    assert set(state.pids) == {"up", "redis", "postgres", "api", "worker", "beat"}
    assert state.pids["up"] == up.pid
    assert state.api_url in up.log()
    with psycopg.connect(state.database_url) as connection:
        connection.execute("CREATE TABLE kept (n int)")
    processes = everything(up)
    assert len(processes) > 8
    up.send(signal.SIGINT)
    assert up.wait(30)
    assert up.returncode == 0
    assert_gone(processes)
    assert not (ups.folder / "up.json").exists()
    # The worker drains while the API still answers.
    up.reap()
    assert up.log().index("worker drained") < up.log().index("stopping api") < up.log().index("api drained")
    again = ups.start()
    with psycopg.connect(ups.state().database_url) as connection:
        assert connection.execute("SELECT to_regclass('kept')").fetchone() == ("kept",)
    again.send(signal.SIGTERM)
    assert again.wait(30)
    assert again.returncode == 0


def test_a_killed_up_leaves_no_process_behind_and_the_next_one_starts(ups: Ups) -> None:
    up = ups.start()
    processes = everything(up)
    psutil.Process(up.pid).kill()
    up.wait(30)
    again = ups.start()  # at once: it waits for the leftovers
    assert_gone(processes)
    assert ups.state().pids["up"] == again.pid


def test_a_second_up_is_refused_and_says_where_the_first_one_is(ups: Ups) -> None:
    ups.start()
    state = ups.state()
    second = ups.start(ready="already running")
    assert second.wait(30)
    assert second.returncode == 1
    second.reap()
    assert state.api_url in second.log()
    assert psutil.pid_exists(state.pids["worker"])
    assert ups.state() == state


def test_a_part_that_dies_at_its_start_ends_up_with_its_last_words(ups: Ups) -> None:
    up = ups.start(ready="The start is given up", STAND_IN_DIES="worker")
    assert up.wait(30)
    assert up.returncode == 1
    assert "worker ended with exit status 3; its last lines:" in up.log()
    assert re.search("windrow up: worker(.|\n)*these are my last words", up.log())
    assert not (ups.folder / "up.json").exists()


def test_a_part_that_dies_later_is_reported_and_started_again(ups: Ups) -> None:
    up = ups.start()
    before = ups.state().pids
    children = psutil.Process(before["worker"]).children(recursive=True)
    os.kill(before["worker"], signal.SIGKILL)
    up.expect(r"worker was killed by signal 9; its last lines")
    up.expect(r"worker starts again in")
    assert_gone(children)
    up.expect(lambda: up.log().count("worker is ready after") == 2)
    up.expect(lambda: ups.state().pids["worker"] not in (0, before["worker"]))
    assert ups.state().pids["api"] == before["api"]


@pytest.mark.parametrize("server", ["redis", "postgres"])
def test_a_server_that_dies_is_started_again_at_the_same_address(ups: Ups, server: str) -> None:
    up = ups.start()
    before = ups.state()
    os.kill(before.pids[server], signal.SIGKILL)
    up.expect(f"{server} died and starts again")
    up.expect(lambda: ups.state().pids[server] not in (0, before.pids[server]))
    assert (ups.state().database_url, ups.state().redis_url) == (before.database_url, before.redis_url)


def test_a_worker_that_does_not_drain_gives_its_work_back(ups: Ups) -> None:
    up = ups.start(STAND_IN_DEAF="worker", WINDROW_UP_DRAIN_SECONDS="1")
    up.send(signal.SIGTERM)
    assert up.wait(30)
    up.reap()
    assert "worker gave back" in up.log()
    assert "killed" not in up.log()


def test_a_worker_that_is_stuck_is_killed_and_so_are_its_children(ups: Ups) -> None:
    up = ups.start(STAND_IN_DEAF="worker", STAND_IN_STUCK="worker", WINDROW_UP_DRAIN_SECONDS="1")
    processes = everything(up)
    up.send(signal.SIGTERM)
    assert up.wait(30)
    up.reap()
    assert re.search("worker gave back(.|\n)*worker did not end within . s: killed", up.log())
    assert up.returncode == 0
    assert_gone(processes)


def test_a_second_ctrl_c_does_not_wait_for_the_drain(ups: Ups) -> None:
    up = ups.start(STAND_IN_DEAF="worker", WINDROW_UP_DRAIN_SECONDS="300")
    up.send(signal.SIGINT)
    up.expect("beat drained")
    assert up.returncode is None
    up.send(signal.SIGINT)
    assert up.wait(30)
    assert up.returncode == 0


def test_taken_ports_are_stepped_around_and_the_real_ones_told(ups: Ups) -> None:
    names = ("API", "REDIS", "POSTGRES")
    taken = [socket.create_server(("127.0.0.1", int(ups.env[f"WINDROW_{name}_PORT"]))) for name in names]
    try:
        up = ups.start()
        state = ups.state()
        for name, url in zip(names, (state.api_url, state.redis_url, state.database_url), strict=True):
            assert f":{ups.env[f'WINDROW_{name}_PORT']}" not in url
        assert state.api_url in up.log()
        # Said with the rest of what it prints when ready: which, where to, and how to have another.
        for name, what in zip(names, ("the API", "Redis", "PostgreSQL"), strict=True):
            port = ups.env[f"WINDROW_{name}_PORT"]
            line = rf"Port {port} is taken: {what} has \d+; WINDROW_{name}_PORT chooses another"
            assert re.search(line, up.log()), line
            assert re.search(line, state.places(ups.folder))
    finally:
        for listener in taken:
            listener.close()


def test_servers_that_are_named_are_used_and_not_stopped(
    ups: Ups, redis_server: RedisServer, postgres_server: PostgresServer
) -> None:
    up = ups.start(WINDROW_REDIS_URL=redis_server.url, WINDROW_DATABASE_URL=postgres_server.url)
    state = ups.state()
    assert (state.redis_url, state.database_url) == (redis_server.url, postgres_server.url)
    assert set(state.pids) == {"up", "api", "worker", "beat"}
    up.send(signal.SIGTERM)
    assert up.wait(30)
    assert redis_server.alive()
    assert postgres_server.alive()


def test_no_secret_is_on_a_command_line_or_in_the_log(ups: Ups) -> None:
    up = ups.start()
    secrets = [(ups.folder / server / "password").read_text() for server in ("redis", "postgres")]
    told = up.log() + "".join(" ".join(process.cmdline()) for process in everything(up))
    assert [secret for secret in secrets if secret in told] == []


def test_a_detached_up_returns_when_ready_and_down_ends_it(ups: Ups, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ups.env.items():
        monkeypatch.setenv(name, value)
    said: list[str] = []
    process = start_detached(ups.folder, COMMAND)
    try:
        state = wait_until_ready(process, ups.folder, 50)
        assert state == ups.state()
        processes = [psutil.Process(pid) for pid in state.pids.values()]
        with pytest.raises(AlreadyRunning, match=state.api_url):
            start_detached(ups.folder, COMMAND)
        assert READY in (ups.folder / "up.log").read_text()  # still the first one's log
    finally:
        down(ups.folder, 5, said.append)
    assert said.pop() == "stopped"
    ended = [name for line in said if line.startswith("ended: ") for name in line[7:].split(", ")]
    assert sorted(ended) == sorted(set(state.pids) - {"up"})
    assert process.wait(30) == 0
    assert_gone(processes)
    assert UpState.read(ups.folder) is None
    said.clear()
    down(ups.folder, 5, said.append)
    assert said == ["nothing is running here"]


@pytest.fixture
def busy_database_url(database_url: str) -> str:
    """Three jobs run there."""
    ledger = Ledger(database_url)
    ids = [job.id for job in ledger.run(accept, [NewJob(new_id(), "t", "default") for _ in range(4)])]
    ledger.run(claim, ids, "w", 1)
    ledger.run(start, [Start(job_id, 1, 0.0) for job_id in ids[:3]])
    ledger.close()
    return database_url


def test_the_end_says_what_it_waits_for_and_what_ended(ups: Ups, busy_database_url: str) -> None:
    up = ups.start(
        WINDROW_DATABASE_URL=busy_database_url, STAND_IN_DEAF="worker", WINDROW_UP_DRAIN_SECONDS="2"
    )
    up.send(signal.SIGTERM)
    assert up.wait(30)
    up.reap()
    assert re.search(r"waiting for worker(, beat)?: 3 jobs still run; at most [012] s", up.log())
    assert re.search(r"beat ended after(.|\n)*gives its work back(.|\n)*worker ended after", up.log())
    assert re.search(r"api ended after(.|\n)*everything ended", up.log())


def test_down_says_what_it_waits_for_and_what_ended(ups: Ups, busy_database_url: str) -> None:
    ups.start(WINDROW_DATABASE_URL=busy_database_url, STAND_IN_DEAF="worker", WINDROW_UP_DRAIN_SECONDS="2")
    said: list[str] = []
    down(ups.folder, 2, said.append)
    waits = r"waiting for (worker|worker, beat): 3 jobs still run; at most [012] s"
    assert any(re.fullmatch(waits, line) for line in said)
    assert said[-1] == "stopped"
    assert any(re.fullmatch(r"ended: .*\bworker\b.*", line) for line in said)


def test_a_detached_up_that_fails_shows_the_end_of_its_log(ups: Ups, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**ups.env, "STAND_IN_DIES": "beat"}.items():
        monkeypatch.setenv(name, value)
    process = start_detached(ups.folder, COMMAND)
    with pytest.raises(PartFailed, match=r"these are my last words(.|\n)*ended with 1"):
        wait_until_ready(process, ups.folder, 50)
