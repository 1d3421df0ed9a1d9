"""`windrow up`: everything on this machine, from nothing to ready, and to nothing again."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import util

from windrow.dev import demo
from windrow.dev.addresses import Addresses
from windrow.dev.api_key import development_key
from windrow.dev.detach import limit_log
from windrow.dev.draining import RunningJobs
from windrow.dev.errors import AlreadyRunning, DevError
from windrow.dev.guard import Guard
from windrow.dev.lock import FolderLock
from windrow.dev.migration import run_migration
from windrow.dev.part import Part
from windrow.dev.parts import door, parts
from windrow.dev.ports import free_port
from windrow.dev.settings import UpSettings
from windrow.dev.state import FILE_NAME, UpState
from windrow.dev.stop_flag import StopFlag
from windrow.dev.stores import Stores
from windrow.dev.supervisor import Supervisor
from windrow.dev.terminal import Terminal
from windrow.dev.usual_ports import UsualPorts

TICK_SECONDS = 0.1
#: How long a killed `up`'s guard may take to clean up behind it.
LEFTOVER_SECONDS = 30.0
#: The log of a detached one is emptied beyond this size.
LOG_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Programs:
    """What is run between the servers and the end; tests run others."""

    migrate: tuple[str, ...] = door("migrate")
    parts: Callable[[Addresses, Mapping[str, str], float], list[Part]] = parts


class Up:
    """One run: `run` returns when asked to stop, or raises DevError when the start is given up."""

    def __init__(
        self,
        settings: UpSettings,
        environ: Mapping[str, str],
        terminal: Terminal,
        stop: StopFlag,
        programs: Programs,
        with_demo: bool,
    ) -> None:
        """`environ` is what the parts inherit."""
        self._settings = settings
        self._environ = environ
        self._terminal = terminal
        self._say = terminal.say
        self._stop = stop
        self._programs = programs
        # Somebody else's source is not ours to count and to parse.
        self._demo = with_demo and demo.available(settings.apps) and "WINDROW_PARSE_SOURCE" not in environ
        # Who names a server of their own wants their mails to arrive.
        self._catches = "mailroom" in settings.apps.split(",") and not environ.get("WINDROW_SMTP_HOST")
        self._folder = settings.up_folder.absolute()
        self._ports = UsualPorts()

    def run(self) -> None:
        """Start, serve, stop. Raises AlreadyRunning, NotInstalled, ServerFailed, PartFailed."""
        self._began = time.monotonic()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = FolderLock(self._folder)
        try:
            self._take(lock)
            state_file = self._folder / FILE_NAME
            state_file.unlink(missing_ok=True)
            guard = Guard(keep_open=(lock.fd,), remove=state_file)
            try:
                self._guarded(guard)
            finally:
                state_file.unlink(missing_ok=True)
                guard.close()
        finally:
            lock.close()

    def _take(self, lock: FolderLock) -> None:
        if lock.take():
            return
        if holder := lock.holder():
            state = UpState.read(self._folder)
            where = f":\n{state.places(self._folder)}" if state else ", and not ready yet."
            raise AlreadyRunning(f"windrow up is already running in this folder (process {holder}){where}")
        self._say("the last `windrow up` was killed: waiting for what it left behind to end")
        if not lock.take(LEFTOVER_SECONDS):
            raise AlreadyRunning(f"something still holds {self._folder / 'up.lock'}: try `windrow down`")

    def _guarded(self, guard: Guard) -> None:
        stores = Stores(self._settings, guard, self._say)
        try:
            stores.servers.start()
            addresses = self._addresses(stores)
            env = addresses.environment(self._environ, self._settings.apps)
            run_migration(self._programs.migrate, env, guard, self._terminal.line, self._stop.asked)
            supervisor = Supervisor(
                self._programs.parts(addresses, env, self._settings.up_drain_seconds),
                guard,
                self._terminal.line,
                self._say,
                jobs := RunningJobs(addresses.database_url),
            )
            try:
                if supervisor.start(self._settings.up_ready_seconds, self._stop.asked):
                    self._serve(addresses, env, supervisor, stores)
            finally:
                supervisor.stop(self._stop.hurry)
                jobs.close()
        finally:
            stores.servers.stop()
            self._say("everything ended")

    def _addresses(self, stores: Stores) -> Addresses:
        settings, free = self._settings, self._ports.free
        stores.tell(self._ports)
        return Addresses(
            database_url=stores.database_url,
            redis_url=stores.redis_url,
            amqp_url=stores.amqp_url,
            api_host=settings.api_host,
            api_port=free("the API", settings.api_port, "WINDROW_API_PORT"),
            exporter_port=free("the exporter", settings.exporter_port, "WINDROW_EXPORTER_PORT"),
            flower_port=free("Flower", settings.flower_port, "WINDROW_FLOWER_PORT")
            if util.find_spec("flower")
            else None,
            source_port=free_port() if self._demo else None,
            smtp_port=free("the mail server", settings.up_smtp_port, "WINDROW_UP_SMTP_PORT")
            if self._catches
            else None,
            mail_port=free("the page of mails", settings.mail_port, "WINDROW_MAIL_PORT")
            if self._catches
            else None,
        )

    def _serve(self, addresses: Addresses, env: Mapping[str, str], parts: Supervisor, stores: Stores) -> None:
        state = UpState(
            api_url=addresses.api_url,
            api_key=self._key(addresses, env),
            metrics_url=addresses.metrics_url,
            flower_url=addresses.flower_url,
            mail_url=addresses.mail_url,
            redis_url=addresses.redis_url,
            rabbitmq_url=addresses.amqp_url or None,
            rabbitmq_management_url=stores.management_url or None,
            database_url=addresses.database_url,
            pids={},
            notes=self._ports.notes,
        )
        state = self._write(state, parts, stores)
        self._say(f"ready after {time.monotonic() - self._began:.1f} s; Ctrl-C stops everything")
        self._say(state.places(self._folder))
        if self._demo:
            demo.start_demo(addresses, state.api_key, self._terminal)
        while not self._stop.asked():
            time.sleep(TICK_SECONDS)
            stores.servers.tick()
            parts.tick()
            state = self._write(state, parts, stores)
            limit_log(self._folder, LOG_BYTES)

    def _key(self, addresses: Addresses, env: Mapping[str, str]) -> str:
        try:
            return development_key(self._folder, addresses.api_url, env)
        except DevError as error:
            self._say(str(error))
            return ""

    def _write(self, state: UpState, parts: Supervisor, stores: Stores) -> UpState:
        """Write the file when a process id has changed."""
        pids = {"up": os.getpid(), **stores.servers.pids, **parts.pids}
        if pids == state.pids:
            return state
        state = state.model_copy(update={"pids": pids})
        state.write(self._folder)
        return state
