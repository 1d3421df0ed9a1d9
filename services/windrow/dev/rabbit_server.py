"""An embedded RabbitMQ: a real server with its management pages, all of it in one folder and on loopback."""

from __future__ import annotations

import os
import signal
import urllib.error
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from windrow.dev.guard import Guard
from windrow.dev.ports import LOOPBACK, free_port
from windrow.dev.private import kept_password, write_private
from windrow.dev.rabbit_program import epmd_program, rabbit_program
from windrow.dev.server import Server

USER = "windrow"
#: The server refuses publishers beyond it.
MEMORY_BYTES = 512 * 1024 * 1024
#: Longer than any job runs: a delivery that is held for longer makes the server close its channel.
CONSUMER_TIMEOUT_MS = 7 * 24 * 3600 * 1000
#: Its own name server first, in the same process group; then the server in place of the shell.
SCRIPT = """
"$1" -address 127.0.0.1 >/dev/null 2>&1 &
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  "$1" -names >/dev/null 2>&1 && break
  sleep 0.2
done
exec "$2"
"""


class RabbitServer(Server):
    """RabbitMQ on loopback with a password; a kill loses nothing that was confirmed."""

    name = "rabbitmq"
    usual_port = 5672

    def __init__(
        self,
        folder: Path,
        *,
        usual_port: int | None = None,
        usual_web_port: int = 15672,
        guard: Guard | None = None,
    ) -> None:
        """`usual_web_port`: of the management pages; 0: any."""
        super().__init__(folder, usual_port=usual_port, guard=guard)
        self._usual_web_port = usual_web_port
        self._web_port = 0
        self._others = (0, 0)

    @property
    def url(self) -> str:
        """`amqp://windrow:password@127.0.0.1:port/%2F`."""
        return f"amqp://{USER}:{self.password}@{LOOPBACK}:{self.port}/%2F"

    @property
    def web_url(self) -> str:
        """The management pages; who logs in is `windrow`, with the same password."""
        return f"http://{LOOPBACK}:{self._web_port}"

    @property
    def web_port(self) -> int:
        """The management pages' port; 0 before the first start."""
        return self._web_port

    @property
    def password(self) -> str:
        return kept_password(self.folder / "password")

    def start(self, timeout: float = 150.0) -> None:
        """As `Server.start`: it takes some 5 s, and longer on a busy machine."""
        super().start(timeout)

    def _gone(self) -> None:
        # Its leader has ended: what is left in the group is the name server, and helpers of a killed server.
        if self._process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        super()._gone()

    def _prepare(self) -> None:
        self._program, self._epmd = rabbit_program(), epmd_program()
        for name in ("data", "log", "home"):
            (self.folder / name).mkdir(mode=0o700, exist_ok=True)
        if not self._web_port:
            self._web_port = free_port(self._usual_web_port)
            name_server = free_port()
            self._others = (name_server, free_port(taken=[name_server]))
        write_private(self.folder / "enabled_plugins", "[rabbitmq_management].\n")

    def _command(self, port: int) -> Sequence[str | Path]:
        lines = {
            "listeners.tcp.1": f"{LOOPBACK}:{port}",
            "management.tcp.ip": LOOPBACK,
            "management.tcp.port": self._web_port,
            # Only a first start takes these; the password is kept beside the data.
            "default_user": USER,
            "default_pass": self.password,
            "vm_memory_high_watermark.absolute": MEMORY_BYTES,
            "disk_free_limit.absolute": "50MB",
            "raft.wal_max_size_bytes": 32 * 1024 * 1024,
            "consumer_timeout": CONSUMER_TIMEOUT_MS,
            "log.console": "true",
            "log.console.level": "warning",
            "log.file": "false",
        }
        write_private(
            self.folder / "rabbitmq.conf", "".join(f"{key} = {value}\n" for key, value in lines.items())
        )
        return ["/bin/sh", "-c", SCRIPT, "rabbitmq", self._epmd, self._program]

    def _popen_options(self) -> dict[str, Any]:
        folder = self.folder
        name_server, peers = self._others
        env = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "LANG": "C.UTF-8",
            "LC_ALL": "C.UTF-8",
            # Erlang's cookie is made in it.
            "HOME": str(folder / "home"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(folder / "log"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_NODENAME": "windrow@localhost",
            "RABBITMQ_DIST_PORT": str(peers),
            "ERL_EPMD_PORT": str(name_server),
            # Nobody but this machine is a peer, and two schedulers are enough here.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none "
            "-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}",
        }
        return {"cwd": folder, "env": env}

    def _answers(self, port: int) -> bool:
        # The pages start last.
        manager = urllib.request.HTTPPasswordMgrWithPriorAuth()
        manager.add_password(None, self.web_url, USER, self.password, is_authenticated=True)
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPBasicAuthHandler(manager)
        )
        try:
            with opener.open(f"{self.web_url}/api/overview", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def _pids(self) -> list[int]:
        """All of the process group: the shell, Erlang, its helpers and the name server."""
        if self._process is None or not self.alive():
            return []
        leader = self._process.pid
        found = [leader]
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError, ValueError, IndexError):
                fields = stat.read_text().rpartition(")")[2].split()
                if int(fields[2]) == leader and int(stat.parent.name) != leader:
                    found.append(int(stat.parent.name))
        return found
