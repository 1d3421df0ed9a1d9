"""Runs the mailroom's task in children that kill themselves at a point of the send. One order a line of stdin.

An order is `{"job_id", "kwargs", "die_at": n or null}`; the answer `{"points": [...], "signal": n, "result": ...}`.
The children are forks of this process: a kill at each of forty points costs seconds, not minutes.
"""

from __future__ import annotations

import json
import os
import signal
import smtplib
import sys
from collections.abc import Callable
from typing import Any

from windrow_apps.mailroom.store import MailroomStore
from windrow_apps.mailroom.tasks import send_email


class Points:
    """The points that a send passes, in order; at one of them it ends."""

    def __init__(self, die_at: int | None) -> None:
        self.passed: list[str] = []
        self._die_at = die_at

    def __call__(self, name: str) -> None:
        self.passed.append(name)
        if len(self.passed) - 1 == self._die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """`call` with a point before and one after it."""

        def wrapped(*args: Any, **kwargs: Any) -> Any:
            self(f"before {name}")
            result = call(*args, **kwargs)
            self(f"after {name}")
            return result

        return wrapped

    def install(self) -> None:
        """Put them into smtplib and the store."""
        for name in ("claim", "record_sent"):
            setattr(MailroomStore, name, self.around(name, getattr(MailroomStore, name)))
        for name in ("connect", "getreply"):
            setattr(smtplib.SMTP, name, self.around(name, getattr(smtplib.SMTP, name)))
        smtplib.SMTP.send = self._send(smtplib.SMTP.send)  # type: ignore[method-assign]

    def _send(self, stock: Callable[..., Any]) -> Callable[..., Any]:
        def send(server: smtplib.SMTP, data: Any) -> None:
            if len(data) > 200:  # the mail itself, with its final dot
                self("before body")
                stock(server, data[: len(data) // 2])
                self("half of body")
                stock(server, data[len(data) // 2 :])
                self("after body")
            else:
                word = (data if isinstance(data, str) else data.decode()).split()[0]
                self(f"before {word}")
                stock(server, data)  # the next point is before its answer

        return send


def _child(order: dict[str, Any], out: int) -> None:
    points = Points(order["die_at"])
    points.install()
    done = send_email.apply(kwargs=order["kwargs"], task_id=order["job_id"])
    result = done.result if done.state == "SUCCESS" else f"{type(done.result).__name__}: {done.result}"
    answer = {"points": points.passed, "state": done.state, "result": result}
    os.write(out, json.dumps(answer).encode())


def main() -> None:
    """Serve until stdin ends."""
    # What is imported now, no child imports.
    send_email.apply(kwargs={"email": "warm@example.com", "subject": "up", "body": "up"}, task_id="up")
    print("victim is ready", flush=True)  # noqa: T201
    for line in sys.stdin:
        read, write = os.pipe()
        pid = os.fork()
        if not pid:
            status = 1
            try:
                os.close(read)
                _child(json.loads(line), write)
                status = 0
            finally:
                os._exit(status)
        os.close(write)
        with os.fdopen(read, "rb") as pipe:
            text = pipe.read()
        _, code = os.waitpid(pid, 0)
        ended = os.WTERMSIG(code) if os.WIFSIGNALED(code) else 0
        answer = {"points": [], "result": None, **(json.loads(text) if text else {}), "signal": ended}
        print(json.dumps(answer), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
