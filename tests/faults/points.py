"""Every arrow of the way of a job, as a place in the code of the door that is on it."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any, NamedTuple

from tests.faults.wrap import Counts, wrap


def always(args: Sequence[Any], result: Any) -> bool:
    """Every call."""
    return True


def some_messages(args: Sequence[Any], result: Any) -> bool:
    """Calls that publish messages, not only wake-ups."""
    return bool(args[1])


def something(args: Sequence[Any], result: Any) -> bool:
    """Calls that publish anything."""
    return any(args[1:])


def some_ids(args: Sequence[Any], result: Any) -> bool:
    """Operations that changed a job."""
    return bool(result[0])


def some_continuations(args: Sequence[Any], result: Any) -> bool:
    """Finishes of jobs that have something following them."""
    return any(outcome.jobs for outcome in args[1])


class Point(NamedTuple):
    """A place where a process is killed."""

    name: str
    door: str
    #: `module:name` or `module:Class.name`; empty: another point's.
    place: str
    after: bool = False
    counts: Counts = always
    #: What must happen for the place to be passed at all: "", "kill a worker", "empty Redis".
    trigger: str = ""
    #: SIGKILL the whole process group at the point of this name, instead of the one process.
    tree_at: str = ""


A, W, B = "api", "worker", "beat"
_HARM = "kill a worker"
_CHORES = "windrow.beat.chores"
_RUN = "windrow.worker.child:run"
_THREAD = "windrow.worker.ledger_thread"
_DESK = "windrow.worker.desk:Desk"
_PUBLISH = "windrow.broker.publisher:Publisher.publish"

POINTS = (
    Point("api.before-commit", A, "windrow.api.acceptor:accept_guarded", after=True),
    Point("api.committed", A, "windrow.api.acceptor:Acceptor.announce"),
    Point("api.published", A, "windrow.broker.async_publisher:AsyncPublisher.publish", True, some_messages),
    Point("api.before-202", A, "windrow.api.submit:judged"),
    Point("worker.taken", W, "windrow.broker.feed:Feed.deliver"),
    Point("worker.before-claim", W, f"{_THREAD}:claim"),
    Point("worker.claimed", W, f"{_DESK}.claimed"),
    Point("worker.sent", W, "windrow.worker.request:LedgerRequest.execute_using_pool", after=True),
    Point("worker.child-began", W, f"{_DESK}.started"),
    Point("worker.start-unsaved", W, f"{_THREAD}:start"),
    Point("worker.start-saved", W, f"{_THREAD}:start", after=True),
    Point("child.begins", W, _RUN),
    Point("child.in-body", W, ""),
    Point("child.body-done", W, _RUN, after=True),
    Point("tree.in-body", W, "", tree_at="child.in-body"),
    Point("tree.body-done", W, "", tree_at="child.body-done"),
    Point("worker.line-unsaved", W, "windrow.worker.direct:submit", after=True),
    Point("worker.line-saved", W, "windrow.worker.direct:DirectSubmitter.submit", after=True),
    Point("worker.result-here", W, f"{_DESK}.ended"),
    Point("worker.finish-unsent", W, f"{_THREAD}:finish_plain"),
    Point("worker.finish-uncommitted", W, f"{_THREAD}:finish", after=True),
    Point("worker.finished", W, "windrow.worker.hold:Hold._on_finished"),
    Point("worker.finished-chain", W, "windrow.worker.hold:Hold._on_finished", False, some_continuations),
    Point("worker.before-publish", W, _PUBLISH, False, some_messages),
    Point("worker.published", W, _PUBLISH, True, some_messages),
    Point("worker.before-ack", W, f"{_DESK}.saved"),
    Point("worker.renewed", W, "windrow.worker.hold:Hold.answered"),
    Point("beat.promoted", B, f"{_CHORES}.promote:post", False, some_messages),
    Point("beat.promote-published", B, f"{_CHORES}.promote:post", True, some_messages),
    Point("beat.relayed", B, f"{_CHORES}.relay:post", False, some_messages),
    Point("beat.relay-published", B, f"{_CHORES}.relay:post", True, some_messages),
    Point("beat.settled", B, f"{_CHORES}.settle:post", False, some_messages, "empty Redis"),
    Point("beat.rescue-uncommitted", B, f"{_CHORES}.rescue:rescue", after=True, trigger=_HARM),
    Point("beat.rescued", B, f"{_CHORES}.rescue:post", trigger=_HARM),
    Point("beat.forgetting", B, f"{_CHORES}.rescue:forgotten", trigger=_HARM),
    Point("beat.expire-uncommitted", B, f"{_CHORES}.expire:expire", True, some_ids),
    Point("beat.expired", B, f"{_CHORES}.expire:post", False, something),
    Point("beat.fire-uncommitted", B, "windrow.beat.scheduler:fire", True, some_ids),
    Point("beat.fired", B, "windrow.beat.scheduler:post", False, some_messages),
)


def install(door: str) -> None:
    """Put the points of `door` into this process."""
    for point in POINTS:
        if point.door != door or not point.place:
            continue
        module, _, path = point.place.partition(":")
        owner: Any = import_module(module)
        *outer, last = path.split(".")
        for part in outer:
            owner = getattr(owner, part)
        wrap(owner, last, point.name, point.after, point.counts)
