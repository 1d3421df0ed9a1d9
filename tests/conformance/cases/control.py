"""Revokes, and chords and chains that meet them."""

from __future__ import annotations

import time
from typing import Any

from celery import Celery, chord, group

from tests.conformance.case import case, did, record, settle
from tests.conformance.project import tasks as t
from tests.conformance.project.effects import open_gate, wait_effects


@case
def a_revoke_before_the_start(app: Celery, key: str) -> dict[str, Any]:
    result = t.noted.apply_async((1,), {"key": key}, countdown=1.5)
    time.sleep(0.3)
    result.revoke()
    made = record(result)
    return {name: made[name] for name in ("state", "error")} | {"did": did(key)}


@case
def a_revoke_of_a_running_task_changes_nothing(app: Celery, key: str) -> dict[str, Any]:
    result = t.gated.delay(key, 7)
    wait_effects(key, 1)
    result.revoke()
    time.sleep(0.5)
    open_gate(key)
    return record(result, did=did(key)) | {"did": wait_effects(key, 2)}


@case
def a_terminate_of_a_running_task(app: Celery, key: str) -> dict[str, Any]:
    result = t.sleepy.delay(15, key)
    wait_effects(key, 1)
    time.sleep(0.2)
    result.revoke(terminate=True)
    made = record(result)
    return {name: made[name] for name in ("state", "error")} | {"did": did(key)}


@case
def a_group_is_revoked(app: Celery, key: str) -> dict[str, Any]:
    result = group(t.noted.s(i, key=key) for i in range(3)).apply_async(countdown=1.5)
    time.sleep(0.3)
    result.revoke()
    settle(result)
    return {"states": [one.state for one in result.results], "did": did(key)}


@case
def a_chord_with_a_revoked_member(app: Celery, key: str) -> dict[str, Any]:
    result = chord([t.noted.s(1, key=key).set(countdown=1.5, task_id=f"member.{key}"), t.add.s(1, 1)])(
        t.total.s()
    )
    time.sleep(0.5)
    app.control.revoke(f"member.{key}")
    made = record(result)
    return {name: made[name] for name in ("state", "error")} | {"did": did(key)}


@case
def a_finished_task_is_not_revoked(app: Celery, key: str) -> dict[str, Any]:
    result = t.add.delay(1, 1)
    result.get(timeout=20)
    result.revoke()
    time.sleep(0.3)
    return record(result)
