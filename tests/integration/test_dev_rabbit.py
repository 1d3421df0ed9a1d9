"""The embedded RabbitMQ: private, and gone with whoever started it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.support.require import missing
from windrow.dev import rabbit_program
from windrow.dev.errors import NotInstalled

pytestmark = pytest.mark.timeout(300)
OWNER = """
import sys, time
from pathlib import Path
from windrow.dev.guard import Guard
from windrow.dev.rabbit_server import RabbitServer
server = RabbitServer(Path(sys.argv[1]), usual_port=0, usual_web_port=0, guard=Guard())
server.start()
print(*server._pids(), flush=True)
time.sleep(600)
"""


def test_it_shows_no_password_and_ends_with_its_owner(tmp_path: Path) -> None:
    try:
        rabbit_program.rabbit_program()
    except NotInstalled as error:
        missing(str(error))
    folder = tmp_path / "rabbitmq"
    owner = subprocess.Popen([sys.executable, "-c", OWNER, folder], stdout=subprocess.PIPE, text=True)
    try:
        assert owner.stdout is not None
        found = [psutil.Process(int(pid)) for pid in owner.stdout.readline().split()]
        names = {process.name() for process in found}
        assert "epmd" in names
        assert any(name.startswith("beam") for name in names)
        password = (folder / "password").read_text().strip()
        assert password
        assert not any(password in " ".join(process.cmdline()) for process in found)
        assert folder.stat().st_mode & 0o077 == 0
        assert (folder / "rabbitmq.conf").stat().st_mode & 0o077 == 0
        # Only this machine reaches it.
        listening = {
            one.laddr.ip for process in found for one in process.net_connections() if one.status == "LISTEN"
        }
        assert listening <= {"127.0.0.1", "::1"}
    finally:
        owner.kill()
        owner.wait(10)
        if owner.stdout is not None:
            owner.stdout.close()
    deadline = time.monotonic() + 60
    while any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in found):
        assert time.monotonic() < deadline, found
        time.sleep(0.2)


def test_without_one_a_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(rabbit_program, "DEBIAN", tmp_path / "nothing")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(NotInstalled, match="apt-get install rabbitmq-server"):
        rabbit_program.rabbit_program()
