"""What a caller may ask for: time, place, limits, headers."""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

from celery import Celery

from tests.conformance.case import case, did, record
from tests.conformance.project import hard as h
from tests.conformance.project import tasks as t
from tests.conformance.project.effects import wait_effects


@case
def a_countdown(app: Celery, key: str) -> dict[str, Any]:
    begun = time.monotonic()
    made = record(t.add.apply_async((1, 1), countdown=0.6))
    return {**made, "waited": time.monotonic() - begun >= 0.6}


@case
def a_moment(app: Celery, key: str) -> dict[str, Any]:
    begun = time.monotonic()
    made = record(t.add.apply_async((1, 1), eta=dt.datetime.now(dt.UTC) + dt.timedelta(seconds=0.6)))
    return {**made, "waited": time.monotonic() - begun >= 0.55}


@case
def a_naive_moment(app: Celery, key: str) -> dict[str, Any]:
    return record(t.add.apply_async((1, 1), eta=dt.datetime.now(dt.UTC).replace(tzinfo=None)))


@case
def an_expiry_that_holds(app: Celery, key: str) -> dict[str, Any]:
    return record(t.add.apply_async((1, 1), expires=60))


@case
def an_expiry_in_the_past(app: Celery, key: str) -> dict[str, Any]:
    made = record(
        t.noted.apply_async((1,), {"key": key}, expires=dt.datetime.now(dt.UTC) - dt.timedelta(seconds=5))
    )
    return {name: made[name] for name in ("state", "error")} | {"did": did(key)}


@case
def an_expiry_before_the_countdown(app: Celery, key: str) -> dict[str, Any]:
    made = record(t.noted.apply_async((1,), {"key": key}, countdown=1.5, expires=0.3))
    return {name: made[name] for name in ("state", "error")} | {"did": did(key)}


@case
def a_priority(app: Celery, key: str) -> dict[str, Any]:
    return record(t.whoami.apply_async(priority=6))


@case
def a_queue(app: Celery, key: str) -> dict[str, Any]:
    return record(t.whoami.apply_async(queue="shop-side"))


@case
def a_route(app: Celery, key: str) -> dict[str, Any]:
    return record(t.routed.delay())


@case
def a_routing_key(app: Celery, key: str) -> dict[str, Any]:
    return record(t.whoami.apply_async(exchange="shop-side", routing_key="shop-side"))


@case
def an_id_of_ones_own(app: Celery, key: str) -> dict[str, Any]:
    result = t.add.apply_async((1, 1), task_id=f"order.{key}")
    return record(result, same=result.id == f"order.{key}")


@case
def headers(app: Celery, key: str) -> dict[str, Any]:
    return record(t.whoami.apply_async(headers={"trace": "abc"}))


@case
def a_shadow_name(app: Celery, key: str) -> dict[str, Any]:
    return record(t.whoami.apply_async(shadow="shop.shady"))


@case
def limits_are_seen(app: Celery, key: str) -> dict[str, Any]:
    return record(t.whoami.apply_async(time_limit=60, soft_time_limit=50))


@case
def an_ignored_result(app: Celery, key: str) -> dict[str, Any]:
    result = t.noted.apply_async((1,), {"key": key}, ignore_result=True)
    wait_effects(key, 1)
    time.sleep(0.5)
    return {"state": result.state, "result": result.result, "get": result.get(timeout=5)}


@case
def an_ignored_result_asked_for_after_all(app: Celery, key: str) -> dict[str, Any]:
    return record(t.quiet.apply_async((key,), ignore_result=False))


@case
def a_serializer(app: Celery, key: str) -> dict[str, Any]:
    return record(t.add.apply_async((1, 1), serializer="json", compression="zlib", retry=True))


@case
def a_producer_of_ones_own(app: Celery, key: str) -> dict[str, Any]:
    with app.producer_pool.acquire(block=True) as producer:
        return record(t.add.apply_async((1, 1), producer=producer))


@case
def a_connection_of_ones_own(app: Celery, key: str) -> dict[str, Any]:
    with app.connection_for_write() as connection:
        return record(t.add.apply_async((1, 1), connection=connection))


@case
def a_soft_limit(app: Celery, key: str) -> dict[str, Any]:
    made = record(h.soft_limited.apply_async((key,), soft_time_limit=1))
    return {name: made[name] for name in ("state", "error", "result")} | {"did": did(key)}


@case
def a_soft_limit_that_is_handled(app: Celery, key: str) -> dict[str, Any]:
    return record(h.soft_handled.apply_async((key,), soft_time_limit=1)) | {"did": did(key)}


@case
def a_hard_limit(app: Celery, key: str) -> dict[str, Any]:
    made = record(t.sleepy.apply_async((20, key), time_limit=1))
    return {name: made[name] for name in ("state", "error", "result")} | {"did": did(key)}


@case
def a_hard_limit_calls_the_error_callback(app: Celery, key: str) -> dict[str, Any]:
    made = record(t.sleepy.apply_async((20, key), time_limit=1, link_error=t.old_errback.s(key=key)))
    wait_effects(key, 2)
    # Stock Celery sometimes calls it twice.
    return {name: made[name] for name in ("state", "error", "result")} | {"did": sorted(set(did(key)))}
