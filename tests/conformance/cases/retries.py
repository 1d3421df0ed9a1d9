"""self.retry, autoretry_for and what becomes of a task that replaces itself."""

from __future__ import annotations

import time
from typing import Any

from celery import Celery, chain, chord, group

from tests.conformance.case import case, did, record
from tests.conformance.project import hard as h
from tests.conformance.project import tasks as t
from tests.conformance.project.effects import wait_effects


@case
def retry_until_it_works(app: Celery, key: str) -> dict[str, Any]:
    return record(h.retry_twice.delay(key)) | {"did": did(key)}


@case
def a_killed_child_is_no_retry(app: Celery, key: str) -> dict[str, Any]:
    return record(h.dies_once.delay(key)) | {"did": did(key)}


@case
def retries_run_out(app: Celery, key: str) -> dict[str, Any]:
    return record(h.retry_out.delay(key)) | {"did": did(key)}


@case
def retries_run_out_with_an_error(app: Celery, key: str) -> dict[str, Any]:
    return record(h.retry_out_exc.delay(key)) | {"did": did(key)}


@case
def retry_with_other_arguments(app: Celery, key: str) -> dict[str, Any]:
    return record(h.retry_args.delay(1, key)) | {"did": did(key)}


@case
def retry_at_a_moment(app: Celery, key: str) -> dict[str, Any]:
    return record(h.retry_eta.delay(key)) | {"did": did(key)}


@case
def retry_on_another_queue(app: Celery, key: str) -> dict[str, Any]:
    return record(h.retry_other_queue.delay(key)) | {"did": did(key)}


@case
def a_retry_is_seen(app: Celery, key: str) -> dict[str, Any]:
    result = h.retry_seen.delay(key)
    wait_effects(key, 1)
    end = time.monotonic() + 5
    while result.state != "RETRY" and time.monotonic() < end:
        time.sleep(0.02)
    during = {"during": result.state, "why": repr(result.result)}
    return record(result, **during)


@case
def autoretry_works_out(app: Celery, key: str) -> dict[str, Any]:
    return record(h.auto.delay(key, 1)) | {"did": did(key)}


@case
def autoretry_runs_out(app: Celery, key: str) -> dict[str, Any]:
    return record(h.auto.delay(key, 9)) | {"did": did(key)}


@case
def autoretry_with_jitter(app: Celery, key: str) -> dict[str, Any]:
    return record(h.auto_jitter.delay(key, "own")) | {"did": did(key)}


@case
def autoretry_leaves_an_error_alone(app: Celery, key: str) -> dict[str, Any]:
    return record(h.auto_jitter.delay(key, "key")) | {"did": did(key)}


@case
def a_retried_step_continues_its_chain(app: Celery, key: str) -> dict[str, Any]:
    return record(chain(h.retry_twice.s(key), t.add.s(10))()) | {"did": did(key)}


@case
def a_retried_member_completes_its_chord(app: Celery, key: str) -> dict[str, Any]:
    return record(chord([h.retry_twice.s(key), t.add.s(1, 1)])(t.total.s())) | {"did": did(key)}


@case
def a_task_becomes_another(app: Celery, key: str) -> dict[str, Any]:
    made = record(h.becomes_task.delay(5))
    return {name: made[name] for name in ("state", "result", "error")}


@case
def a_task_becomes_a_chain(app: Celery, key: str) -> dict[str, Any]:
    made = record(h.becomes_chain.delay(5))
    return {name: made[name] for name in ("state", "result", "error")}


@case
def a_task_becomes_a_group(app: Celery, key: str) -> dict[str, Any]:
    made = record(h.becomes_group.delay(5))
    return {name: made[name] for name in ("state", "result", "error")}


@case
def a_task_becomes_a_chord(app: Celery, key: str) -> dict[str, Any]:
    made = record(h.becomes_chord.delay(5))
    return {name: made[name] for name in ("state", "result", "error")}


@case
def a_task_becomes_a_failure(app: Celery, key: str) -> dict[str, Any]:
    made = record(h.becomes_failure.delay())
    return {name: made[name] for name in ("state", "result", "error")}


@case
def a_task_becomes_itself_again_and_again(app: Celery, key: str) -> dict[str, Any]:
    made = record(h.countdown_to.delay(3, key))
    return {"state": made["state"], "result": made["result"], "did": did(key)}


@case
def a_replaced_step_continues_its_chain(app: Celery, key: str) -> dict[str, Any]:
    made = record(chain(h.becomes_task.s(1), t.add.s(5))())
    return {name: made[name] for name in ("state", "result", "error")}


@case
def a_step_replaced_by_a_chain_continues(app: Celery, key: str) -> dict[str, Any]:
    made = record(chain(h.becomes_chain.s(1), t.add.s(5))())
    return {name: made[name] for name in ("state", "result", "error")}


@case
def a_step_replaced_by_a_chord_continues(app: Celery, key: str) -> dict[str, Any]:
    made = record(chain(h.becomes_chord.s(1), t.add.s(5))())
    return {name: made[name] for name in ("state", "result", "error")}


@case
def replaced_members_complete_their_chord(app: Celery, key: str) -> dict[str, Any]:
    made = record(chord([h.becomes_task.s(1), h.becomes_chain.s(1), t.add.s(1, 1)])(t.total.s()))
    return {name: made[name] for name in ("state", "result", "error")}


@case
def members_replaced_by_groups_complete_their_chord(app: Celery, key: str) -> dict[str, Any]:
    made = record(chord([h.becomes_chord.s(1), t.add.s(1, 1)])(t.total.s()))
    return {name: made[name] for name in ("state", "result", "error")}


@case
def a_group_of_retries(app: Celery, key: str) -> dict[str, Any]:
    made = record(group(h.retry_twice.s(key), h.retry_twice.s(key)).apply_async())
    return made | {"did": did(key)}
