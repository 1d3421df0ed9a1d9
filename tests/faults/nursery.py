"""Starts doors in milliseconds: a process that has imported them all, and forks one when it is told to.

`python -m tests.faults.nursery` reads orders, JSON lines, from stdin and answers on stdout: {"pid"} for each order,
{"exit": pid, "status"} for each end. A door is a process of its own in a process group of its own, with the points
of its way put in; only the imports are shared.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import random
import select
import signal
import sys
from typing import Any

from tests.faults.points import install

DOORS = ("api", "worker", "beat")


def main() -> None:
    """Serve until stdin ends."""
    for door in DOORS:
        importlib.import_module(f"windrow.{door}.main")
    importlib.import_module("tests.faults.app")
    gc.collect()
    gc.freeze()
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    os.set_blocking(wake_read, False)
    signal.set_wakeup_fd(wake_write)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    orders = b""
    while True:
        ready, _, _ = select.select([0, wake_read], [], [])
        if wake_read in ready:
            os.read(wake_read, 4096)
            _bury()
        if 0 in ready:
            chunk = os.read(0, 65536)
            if not chunk:
                return
            orders += chunk
            while b"\n" in orders:
                line, _, orders = orders.partition(b"\n")
                _bear(json.loads(line))


def _bury() -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        _say({"exit": pid, "status": os.waitstatus_to_exitcode(status)})


def _bear(order: dict[str, Any]) -> None:
    pid = os.fork()
    if pid:
        _say({"pid": pid})
        return
    status = 1
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _redirect(order["log"])
        os.environ.clear()
        os.environ.update(order["env"])
        random.seed()
        door = order["door"]
        sys.argv = ["windrow", door]
        install(door)
        module = door if "." in door else f"windrow.{door}.main"
        status = importlib.import_module(module).main([])
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _redirect(log: str) -> None:
    null = os.open(os.devnull, os.O_RDONLY)
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(null, 0)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.closerange(3, 256)


def _say(words: dict[str, int]) -> None:
    os.write(1, json.dumps(words).encode() + b"\n")


if __name__ == "__main__":
    main()
