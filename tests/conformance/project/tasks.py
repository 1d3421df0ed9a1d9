"""The project's everyday tasks."""

from __future__ import annotations

import datetime as dt
import decimal
import time
import uuid
from typing import Any

from celery import Task, chain, chord, group, shared_task
from celery.exceptions import Ignore, Reject
from celery.signals import before_task_publish

from tests.conformance.project.celeryapp import app
from tests.conformance.project.effects import note, wait_gate


class OutOfStock(Exception):
    """An error of the project's own with two arguments."""

    def __init__(self, sku: str, left: int) -> None:
        super().__init__(sku, left)
        self.sku = sku
        self.left = left


class CallbackTask(Task):
    """A base class as many projects have one."""

    abstract = True

    def before_start(self, task_id: str, args: Any, kwargs: Any) -> None:
        note(kwargs["key"], "before_start")

    def on_success(self, retval: Any, task_id: str, args: Any, kwargs: Any) -> None:
        note(kwargs["key"], f"on_success {retval}")

    def on_failure(self, exc: Exception, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        note(kwargs["key"], f"on_failure {type(exc).__name__}")

    def on_retry(self, exc: Exception, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        note(kwargs["key"], f"on_retry {type(exc).__name__}")

    def after_return(
        self, status: str, retval: Any, task_id: str, args: Any, kwargs: Any, einfo: Any
    ) -> None:
        note(kwargs["key"], f"after_return {status}")


class CallableTask(Task):
    """A base class with its own __call__."""

    abstract = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        note(kwargs["key"], "called")
        return self.run(*args, **kwargs)


@app.task(name="shop.add")
def add(x: int, y: int = 1) -> int:
    return x + y


@app.task(name="shop.mul")
def mul(x: int, y: int) -> int:
    return x * y


@app.task(name="shop.total")
def total(numbers: list[int]) -> int:
    return sum(numbers)


@app.task(name="shop.same")
def same(value: Any = None) -> Any:
    return value


@shared_task(name="shop.shared")
def shared(x: int) -> int:
    return x + 100


@app.task(name="shop.noted")
def noted(value: Any, key: str = "", text: str = "") -> Any:
    note(key, text or f"noted {value}")
    return value


@app.task(name="shop.step")
def step(value: int, key: str) -> int:
    note(key, f"step {value}")
    return value + 1


@app.task(name="shop.joined")
def joined(values: list[Any], key: str) -> list[Any]:
    note(key, f"joined {values}")
    return values


@app.task(name="shop.fail")
def fail(*args: Any, message: str = "boom", **kwargs: Any) -> None:
    raise ValueError(message)


@app.task(name="shop.fail_key")
def fail_key() -> None:
    raise KeyError("missing")


@app.task(name="shop.fail_own")
def fail_own(*args: Any) -> None:
    raise OutOfStock("apple", 3)


@app.task(name="shop.values")
def values() -> dict[str, Any]:
    return {
        "moment": dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC),
        "day": dt.date(2026, 1, 2),
        "price": decimal.Decimal("1.10"),
        "id": uuid.UUID(int=7),
        "pair": (1, 2),
        "text": "h\u00e9llo \U0001f600 \x00",
        "none": None,
        "deep": [{"a": [1.5, True]}],
    }


@app.task(name="shop.whoami", bind=True)
def whoami(self: Task, *args: Any, **kwargs: Any) -> dict[str, Any]:
    request = self.request
    return {
        "args": list(request.args),
        "kwargs": dict(request.kwargs),
        "retries": request.retries,
        "queue": request.delivery_info["routing_key"],
        "priority": request.delivery_info["priority"],
        "eager": request.is_eager,
        "called_directly": request.called_directly,
        "shadow": request.shadow,
        "timelimit": list(request.timelimit),
        "has_parent": request.parent_id is not None,
        "is_root": request.root_id == request.id,
        "has_group": request.group is not None,
        "custom": (request.headers or {}).get("trace"),
        "signalled": (request.headers or {}).get("signalled"),
        "has_eta": request.eta is not None,
        "has_expires": request.expires is not None,
        "task": request.task,
    }


@before_task_publish.connect(sender="shop.whoami")
def add_header(headers: dict[str, Any], **_: Any) -> None:
    """What tracing libraries do."""
    headers["signalled"] = "yes"


@app.task(name="shop.called", base=CallableTask)
def called(x: int, key: str) -> int:
    return x


@app.task(name="shop.hooked", base=CallbackTask)
def hooked(x: int, key: str) -> int:
    return x * 2


@app.task(name="shop.hooked_fail", base=CallbackTask)
def hooked_fail(key: str) -> None:
    raise OutOfStock("pear", 0)


@app.task(name="shop.hooked_retry", base=CallbackTask, bind=True, max_retries=2)
def hooked_retry(self: Task, key: str) -> int:
    if self.request.retries < 1:
        raise self.retry(countdown=0.1, exc=ValueError("later"))
    return int(self.request.retries)


@app.task(name="shop.routed")
def routed() -> str:
    return "side"


@app.task(name="shop.quiet", ignore_result=True)
def quiet(key: str) -> int:
    note(key, "quiet")
    return 5


@app.task(name="shop.quiet_fail", ignore_result=True)
def quiet_fail(key: str) -> None:
    note(key, "quiet_fail")
    raise ValueError("quiet")


@app.task(name="shop.tick")
def tick(key: str) -> None:
    note(key, "tick")


@app.task(name="shop.progress", bind=True)
def progress(self: Task, key: str) -> str:
    self.update_state(state="PROGRESS", meta={"current": 3, "total": 10})
    note(key, "reported")
    wait_gate(key)
    return "done"


@app.task(name="shop.own_state", bind=True)
def own_state(self: Task, key: str) -> None:
    self.update_state(
        state="FAILURE", meta={"exc_type": "ValueError", "exc_message": ["by hand"], "exc_module": "builtins"}
    )
    note(key, "failed by hand")
    raise Ignore


@app.task(name="shop.ignored")
def ignored(key: str) -> None:
    note(key, "ignored")
    raise Ignore("not today")


@app.task(name="shop.rejected", acks_late=True)
def rejected(key: str) -> None:
    note(key, "rejected")
    raise Reject("no", requeue=False)


@app.task(name="shop.rejected_once", acks_late=True)
def rejected_once(key: str) -> str:
    if note(key, "try") == 1:
        raise Reject("again", requeue=True)
    return "second"


@app.task(name="shop.gated")
def gated(key: str, value: Any = None) -> Any:
    note(key, "started")
    wait_gate(key)
    note(key, "ended")
    return value


@app.task(name="shop.sleepy")
def sleepy(seconds: float, key: str) -> str:
    note(key, "started")
    time.sleep(seconds)
    note(key, "ended")
    return "slept"


@app.task(name="shop.old_errback")
def old_errback(task_id: str, key: str = "") -> None:
    note(key, f"old errback {len(task_id)}")


@app.task(name="shop.new_errback")
def new_errback(request: Any, exc: Exception, traceback: Any, key: str = "") -> None:
    note(key, f"new errback {len(request.id)} {type(exc).__name__} {exc}")


@app.task(name="shop.spawns", bind=True)
def spawns(self: Task, n: int) -> int:
    for i in range(n):
        add.delay(i, i)
    return n


@app.task(name="shop.spawns_group")
def spawns_group(key: str) -> str:
    group(noted.s(i, key=key) for i in range(3)).apply_async()
    return "spawned"


@app.task(name="shop.spawns_chain")
def spawns_chain(key: str) -> str:
    chain(step.s(1, key), step.s(key), noted.s(key=key)).apply_async()
    return "spawned"


@app.task(name="shop.spawns_chord")
def spawns_chord(key: str) -> str:
    chord([add.s(i, i) for i in range(4)], joined.s(key)).apply_async()
    return "spawned"


@app.task(name="shop.waits")
def waits(x: int) -> int:
    return int(add.delay(x, x).get(timeout=15, disable_sync_subtasks=False)) + 1


@app.task(name="shop.waits_wrongly")
def waits_wrongly(x: int) -> int:
    return int(add.delay(x, x).get(timeout=15))


@app.task(name="shop.returns_result")
def returns_result() -> Any:
    return add.apply_async((1, 1), task_id="returned")


@app.task(name="shop.cuts_chain", bind=True)
def cuts_chain(self: Task, x: int) -> int:
    self.request.chain = None
    return x


@app.task(name="shop.revokes", bind=True)
def revokes(self: Task, key: str) -> str:
    result = noted.apply_async((1,), {"key": key}, countdown=1)
    result.revoke()
    return str(result.id)
