"""The project's harder tasks: retries, replacement, bad results, limits."""

from __future__ import annotations

import datetime as dt
import os
import signal
import sys
from typing import Any

from celery import Task, chain, chord, group
from celery.exceptions import SoftTimeLimitExceeded

from tests.conformance.project.celeryapp import app
from tests.conformance.project.effects import note
from tests.conformance.project.tasks import OutOfStock, add, joined, mul, noted, total


@app.task(name="shop.retry_twice", bind=True, max_retries=5)
def retry_twice(self: Task, key: str) -> int:
    note(key, f"try {self.request.retries}")
    if self.request.retries < 2:
        raise self.retry(countdown=0.1)
    return int(self.request.retries)


@app.task(name="shop.retry_out", bind=True, max_retries=2)
def retry_out(self: Task, key: str) -> None:
    note(key, f"try {self.request.retries}")
    raise self.retry(countdown=0.05)


@app.task(name="shop.retry_out_exc", bind=True, max_retries=1, default_retry_delay=0.05)
def retry_out_exc(self: Task, key: str) -> None:
    note(key, f"try {self.request.retries}")
    try:
        raise OutOfStock("plum", 1)
    except OutOfStock as exc:
        raise self.retry(exc=exc) from exc


@app.task(name="shop.retry_args", bind=True)
def retry_args(self: Task, x: int, key: str, more: int = 0) -> int:
    note(key, f"try {x} {more}")
    if self.request.retries == 0:
        raise self.retry(args=(x + 10,), kwargs={"key": key, "more": 5}, countdown=0)
    return x + more


@app.task(name="shop.retry_eta", bind=True)
def retry_eta(self: Task, key: str) -> str:
    note(key, f"try {self.request.retries}")
    if self.request.retries == 0:
        raise self.retry(eta=dt.datetime.now(dt.UTC) + dt.timedelta(seconds=0.2))
    return "on time"


@app.task(name="shop.retry_other_queue", bind=True)
def retry_other_queue(self: Task, key: str) -> str:
    note(key, f"try {self.request.retries}")
    if self.request.retries == 0:
        raise self.retry(countdown=0, queue="shop-side")
    return str(self.request.delivery_info["routing_key"])


@app.task(name="shop.retry_seen", bind=True)
def retry_seen(self: Task, key: str) -> str:
    note(key, f"try {self.request.retries}")
    if self.request.retries == 0:
        raise self.retry(countdown=1.5, exc=ValueError("seen"))
    return "ok"


@app.task(
    name="shop.auto",
    bind=True,
    autoretry_for=(ValueError,),
    retry_backoff=True,
    retry_jitter=False,
    max_retries=2,
)
def auto(self: Task, key: str, times: int) -> int:
    if note(key, f"try {self.request.retries}") <= times:
        raise ValueError("auto")
    return int(self.request.retries)


@app.task(
    name="shop.auto_jitter",
    bind=True,
    autoretry_for=(Exception,),
    dont_autoretry_for=(KeyError,),
    retry_backoff=1,
    retry_backoff_max=1,
    retry_jitter=True,
    retry_kwargs={"max_retries": 3},
)
def auto_jitter(self: Task, key: str, error: str) -> int:
    count = note(key, f"try {self.request.retries}")
    if error == "key":
        raise KeyError("never again")
    if count < 3:
        raise OutOfStock("fig", count)
    return count


@app.task(name="shop.unserializable")
def unserializable() -> object:
    return object()


@app.task(name="shop.unserializable_error")
def unserializable_error() -> None:
    raise OutOfStock(object(), 1)  # type: ignore[arg-type]


@app.task(name="shop.not_a_number")
def not_a_number() -> float:
    return float("nan")


@app.task(name="shop.local_error")
def local_error() -> None:
    class Local(Exception):
        pass

    raise Local("nobody can import me")


@app.task(name="shop.soft_limited", bind=True)
def soft_limited(self: Task, key: str) -> str:
    import time

    try:
        time.sleep(10)
    except SoftTimeLimitExceeded:
        note(key, "soft limit")
        raise
    return "never"


@app.task(name="shop.soft_handled")
def soft_handled(key: str) -> str:
    import time

    try:
        time.sleep(10)
    except SoftTimeLimitExceeded:
        note(key, "soft limit")
        return "cleaned up"
    return "never"


@app.task(name="shop.exits")
def exits(key: str) -> None:
    note(key, "exiting")
    sys.exit(3)


@app.task(name="shop.dies_once", bind=True, acks_late=True, reject_on_worker_lost=True)
def dies_once(self: Task, key: str) -> int:
    if note(key, f"try {self.request.retries}, again: {self.request.delivery_info['redelivered']}") == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return int(self.request.retries)


@app.task(name="shop.stumbles", bind=True)
def stumbles(self: Task, key: str, times: int) -> int:
    if note(key, f"try {self.request.retries}") <= times:
        raise OutOfStock("fig", times)
    return int(self.request.retries)


@app.task(name="shop.becomes_task", bind=True)
def becomes_task(self: Task, x: int) -> None:
    raise self.replace(add.s(x, 1000))


@app.task(name="shop.becomes_chain", bind=True)
def becomes_chain(self: Task, x: int) -> None:
    raise self.replace(chain(add.s(x, 1), mul.s(3), add.s(7)))


@app.task(name="shop.becomes_group", bind=True)
def becomes_group(self: Task, x: int) -> None:
    raise self.replace(group(add.s(x, i) for i in range(3)))


@app.task(name="shop.becomes_chord", bind=True)
def becomes_chord(self: Task, x: int) -> None:
    raise self.replace(chord([add.s(x, i) for i in range(3)], total.s()))


@app.task(name="shop.becomes_failure", bind=True)
def becomes_failure(self: Task) -> None:
    from tests.conformance.project.tasks import fail

    raise self.replace(fail.s(message="replaced"))


@app.task(name="shop.countdown_to", bind=True)
def countdown_to(self: Task, n: int, key: str) -> Any:
    note(key, f"at {n}")
    if n > 0:
        raise self.replace(countdown_to.s(n - 1, key))
    return "lift-off"


@app.task(name="shop.grows_chord", bind=True)
def grows_chord(self: Task, x: int) -> int:
    if x < 3:
        self.add_to_chord(grows_chord.s(x + 1))
    return x


@app.task(name="shop.nested", bind=True)
def nested(self: Task, depth: int, key: str) -> int:
    note(key, f"depth {depth}")
    if depth:
        nested.delay(depth - 1, key)
    return depth


@app.task(name="shop.on_success_sends", bind=True)
def on_success_sends(self: Task, key: str) -> str:
    chord([noted.s(1, key=key), noted.s(2, key=key)], joined.s(key)).apply_async()
    return "sent"
