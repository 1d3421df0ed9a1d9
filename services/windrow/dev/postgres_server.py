"""An embedded PostgreSQL 18: a real server, as root too, its data found again on the next start."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psycopg

from windrow.dev.errors import ServerFailed
from windrow.dev.guard import Guard
from windrow.dev.ports import LOOPBACK
from windrow.dev.postgres_program import MAJOR, initialised, postgres_programs
from windrow.dev.postgres_user import Account
from windrow.dev.private import kept_password, write_private
from windrow.dev.server import Server

OWNER = "windrow"
INITDB_SECONDS = 60
#: Sorts the same on every machine, and needs none of its locales.
LOCALE = ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
#: Before 17 there is no such provider.
OLDER_LOCALE = ("--locale=C.UTF-8",)


class PostgresServer(Server):
    """PostgreSQL on loopback with a password and a database `windrow`; a kill loses nothing committed."""

    name = "postgres"
    usual_port = 5432
    #: Fast shutdown: open connections are closed, the data is checkpointed.
    stop_signal = signal.SIGINT

    def __init__(
        self,
        folder: Path,
        *,
        usual_port: int | None = None,
        guard: Guard | None = None,
        options: Mapping[str, str] | None = None,
        programs: Path | None = None,
    ) -> None:
        """`options` are settings of postgresql.conf, for example `{"fsync": "off"}` for tests.

        `programs`: the folder with another version's `postgres` and `initdb`, instead of the embedded ones.
        """
        super().__init__(folder, usual_port=usual_port, guard=guard)
        self._options = dict(options or {})
        self._other = programs
        self._account = Account()
        self._data = self.folder / "data"

    @property
    def url(self) -> str:
        """`postgresql://windrow:password@127.0.0.1:port/windrow`."""
        return self.database_url(OWNER)

    def database_url(self, database: str) -> str:
        """The same server's address for another database."""
        return self._url(self.port, database)

    def _url(self, port: int, database: str) -> str:
        return f"postgresql://{OWNER}:{self._password}@{LOOPBACK}:{port}/{database}"

    @property
    def _password(self) -> str:
        return kept_password(self.folder / "password")

    def _prepare(self) -> None:
        self._programs = self._other or postgres_programs()
        self._account.let_run(self._programs / "postgres")
        if not initialised(self._data, None if self._other else MAJOR):
            self._initdb()
        self._account.own(self._data)
        self._clear_leftover()

    def _initdb(self) -> None:
        """Create the data folder under another name first: a half-made one is never mistaken for data."""
        unfinished, password = self.folder / "unfinished", self.folder / "unfinished.password"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        write_private(password, self._password)
        self._account.own(unfinished)
        self._account.own(password)
        try:
            subprocess.run(
                [
                    self._programs / "initdb",
                    f"--pgdata={unfinished}",
                    f"--username={OWNER}",
                    f"--pwfile={password}",
                    "--auth=scram-sha-256",
                    "--encoding=UTF8",
                    *(OLDER_LOCALE if self._other else LOCALE),
                    "--no-sync",
                    "--no-instructions",
                ],
                check=True,
                capture_output=True,
                text=True,
                timeout=INITDB_SECONDS,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                cwd=unfinished,
                **self._account.popen_options(),
            )
        except subprocess.SubprocessError as error:
            said = getattr(error, "stderr", "") or ""
            raise ServerFailed(f"postgres: its data folder could not be made: {error}\n{said}") from error
        finally:
            password.unlink(missing_ok=True)
        unfinished.rename(self._data)

    def _clear_leftover(self) -> None:
        """End a server that still runs on our data, and drop the pid file of one that does not.

        A pid file alone proves nothing: in a fresh container the same number is soon somebody else.
        """
        import psutil  # comes with the embedded server, and without it nobody gets here

        pid_file = self._data / "postmaster.pid"
        try:
            leftover = psutil.Process(int(pid_file.read_text().split("\n", 1)[0]))
            if Path(leftover.cwd()).resolve() == self._data.resolve():
                leftover.send_signal(signal.SIGINT)
                leftover.wait(20)
        except FileNotFoundError:
            return
        except psutil.TimeoutExpired as error:
            raise ServerFailed(f"postgres: another server (pid {error.pid}) uses {self._data}.") from error
        except (psutil.Error, ValueError):
            pass
        pid_file.unlink(missing_ok=True)

    def _command(self, port: int) -> Sequence[str | Path]:
        settings = {
            "listen_addresses": LOOPBACK,
            "port": str(port),
            "unix_socket_directories": "",
            "max_connections": "200",
            "timezone": "UTC",
            "log_timezone": "UTC",
            **self._options,
        }
        flags = [f"--{key}={value}" for key, value in settings.items()]
        return [self._programs / "postgres", "-D", self._data, *flags]

    def _popen_options(self) -> dict[str, Any]:
        return {"cwd": self._data, **self._account.popen_options()}

    def _answers(self, port: int) -> bool:
        try:
            url = self._url(port, "postgres")
            with psycopg.connect(url, autocommit=True, connect_timeout=2) as connection:
                if not connection.execute(
                    "SELECT 1 FROM pg_database WHERE datname = %s", (OWNER,)
                ).fetchone():
                    connection.execute(f"CREATE DATABASE {OWNER}")
            return True
        except psycopg.OperationalError:
            return False

    def _pids(self) -> list[int]:
        import psutil

        # Each backend leads a session of its own, so the group of the first process is not the server.
        if not super()._pids():
            return []
        first = psutil.Process(super()._pids()[0])
        return [first.pid, *(child.pid for child in first.children(recursive=True))]
