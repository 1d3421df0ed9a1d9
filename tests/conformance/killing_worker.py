"""`windrow worker` that kills its whole process group at a point that a test names in Redis, once."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from tests.conformance.project import effects, hard, tasks
from windrow.broker.publisher import Publisher
from windrow.store.ledger import Ledger
from windrow.worker import child
from windrow.worker.main import main

#: Redis keys: where to kill, how many passages to let by first, and how many kills there were.
POINT, PASSAGES, KILLS = "kill:point", "kill:passages", "kill:count"

POINTS = (
    "claim.before",
    "claim.after",
    "child.before",
    "body",
    "child.after",
    "finish.before",
    "finish.after",
    "publish.before",
    "publish.after",
)


def arm(point: str, nth: int) -> None:
    """Kill the worker when it passes `point` for the `nth` time."""
    effects.redis().set(PASSAGES, nth)
    effects.redis().set(POINT, point)


def kills() -> int:
    """Kills so far."""
    return int(effects.redis().get(KILLS) or 0)


def passes(point: str) -> None:
    """Called at every passage of `point`."""
    client = effects.redis()
    if client.get(POINT) != point or int(client.decr(PASSAGES)) != 0:
        return
    client.delete(POINT)
    client.incr(KILLS)
    os.killpg(os.getpgrp(), signal.SIGKILL)


def around(call: Callable[..., Any], name: Callable[..., str | None]) -> Callable[..., Any]:
    """`call` with a point before and after it; `name` says which of its calls count."""

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        point = name(*args)
        if point:
            passes(f"{point}.before")
        returned = call(*args, **kwargs)
        if point:
            passes(f"{point}.after")
        return returned

    return wrapped


def lay_mines() -> None:
    """Wrap what a job goes through on its way in this process."""
    ops = {"claim": "claim", "finish": "finish", "finish_plain": "finish"}
    Ledger.run = around(Ledger.run, lambda _, op, *args: ops.get(op.__name__))  # type: ignore[method-assign]
    Publisher.publish = around(  # type: ignore[method-assign]
        Publisher.publish, lambda _, messages=(), *args: "publish" if messages else None
    )
    child.run = around(child.run, lambda *args: "child")
    noting = effects.note

    def note(key: str, text: object) -> int:
        count = noting(key, text)
        passes("body")
        return count

    for module in (tasks, hard):
        vars(module)["note"] = note


if __name__ == "__main__":
    lay_mines()
    sys.exit(main(sys.argv[1:]))
