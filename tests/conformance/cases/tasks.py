"""Task bodies: base classes, results, errors, children."""

from __future__ import annotations

import time
from typing import Any

from celery import Celery, chain

from tests.conformance.case import case, did, record
from tests.conformance.project import hard as h
from tests.conformance.project import tasks as t
from tests.conformance.project.effects import wait_effects


@case
def a_base_class_with_handlers(app: Celery, key: str) -> dict[str, Any]:
    seen = record(t.hooked.delay(4, key=key))
    wait_effects(key, 3)
    return {**seen, "did": did(key)}


@case
def a_base_class_with_handlers_fails(app: Celery, key: str) -> dict[str, Any]:
    seen = record(t.hooked_fail.delay(key=key))
    wait_effects(key, 3)
    return {**seen, "did": did(key)}


@case
def a_base_class_with_handlers_retries(app: Celery, key: str) -> dict[str, Any]:
    seen = record(t.hooked_retry.delay(key=key))
    wait_effects(key, 5)
    return {**seen, "did": did(key)}


@case
def a_base_class_with_call(app: Celery, key: str) -> dict[str, Any]:
    return record(t.called.delay(4, key=key)) | {"did": did(key)}


@case
def what_a_bound_task_sees(app: Celery, key: str) -> dict[str, Any]:
    return record(t.whoami.delay(1, b=2))


@case
def rich_values_come_back(app: Celery, key: str) -> dict[str, Any]:
    return record(t.values.delay())


@case
def not_a_number_comes_back(app: Celery, key: str) -> dict[str, Any]:
    return record(h.not_a_number.delay())


@case
def a_large_value_comes_back(app: Celery, key: str) -> dict[str, Any]:
    result = t.same.delay("x" * 200_000)
    return {"length": len(result.get(timeout=20))}


@case
def a_failure(app: Celery, key: str) -> dict[str, Any]:
    return record(t.fail.delay(message="bad \u00e9"))


@case
def a_key_error(app: Celery, key: str) -> dict[str, Any]:
    return record(t.fail_key.delay())


@case
def the_projects_own_error(app: Celery, key: str) -> dict[str, Any]:
    seen = t.fail_own.delay()
    made = record(seen)
    return {**made, "sku": seen.result.sku, "left": seen.result.left}


@case
def an_error_class_inside_a_function(app: Celery, key: str) -> dict[str, Any]:
    return record(h.local_error.delay())


@case
def an_error_with_arguments_that_are_not_json(app: Celery, key: str) -> dict[str, Any]:
    made = record(h.unserializable_error.delay())
    return {"state": made["state"], "error": made["error"]}


@case
def a_result_that_is_not_json(app: Celery, key: str) -> dict[str, Any]:
    made = record(h.unserializable.delay())
    return {"state": made["state"], "error": made["error"]}


@case
def a_task_with_ignored_result(app: Celery, key: str) -> dict[str, Any]:
    result = t.quiet.delay(key)
    wait_effects(key, 1)
    time.sleep(0.5)
    return {"state": result.state, "result": result.result, "get": result.get(timeout=5), "did": did(key)}


@case
def a_failing_task_with_ignored_result(app: Celery, key: str) -> dict[str, Any]:
    result = t.quiet_fail.delay(key)
    wait_effects(key, 1)
    time.sleep(0.5)
    return {"state": result.state, "result": repr(result.result), "did": did(key)}


@case
def an_ignored_task(app: Celery, key: str) -> dict[str, Any]:
    result = t.ignored.delay(key)
    wait_effects(key, 1)
    time.sleep(0.5)
    return {"state": result.state, "result": result.result, "did": did(key)}


@case
def a_rejected_task(app: Celery, key: str) -> dict[str, Any]:
    result = t.rejected.delay(key)
    wait_effects(key, 1)
    time.sleep(0.5)
    return {"state": result.state, "result": repr(result.result), "did": did(key)}


@case
def a_rejected_task_is_requeued(app: Celery, key: str) -> dict[str, Any]:
    return record(t.rejected_once.delay(key)) | {"did": did(key)}


@case
def children_are_listed(app: Celery, key: str) -> dict[str, Any]:
    result = t.spawns.delay(3)
    made = record(result)
    return {**made, "values": sorted(child.get(timeout=20) for child in result.children)}


@case
def a_group_is_a_child(app: Celery, key: str) -> dict[str, Any]:
    made = record(t.spawns_group.delay(key))
    wait_effects(key, 3)
    return {**made, "did": did(key)}


@case
def a_chain_started_in_a_task(app: Celery, key: str) -> dict[str, Any]:
    made = record(t.spawns_chain.delay(key))
    wait_effects(key, 3)
    return {**made, "did": did(key)}


@case
def a_chord_started_in_a_task(app: Celery, key: str) -> dict[str, Any]:
    made = record(t.spawns_chord.delay(key))
    wait_effects(key, 1)
    return {**made, "did": did(key)}


@case
def grandchildren(app: Celery, key: str) -> dict[str, Any]:
    result = h.nested.delay(3, key)
    wait_effects(key, 4)
    made = record(result)
    child = result.children[0]
    return {**made, "did": did(key), "child": record(child)}


@case
def collect_walks_the_tree(app: Celery, key: str) -> dict[str, Any]:
    result = t.spawns.delay(2)
    record(result)
    for child in result.children:
        child.get(timeout=20)
    return {"collected": sorted(repr(value) for _, value in result.collect(timeout=20))}


@case
def a_task_that_exits(app: Celery, key: str) -> dict[str, Any]:
    made = record(h.exits.delay(key))
    return {"state": made["state"]}


@case
def a_task_waits_for_another(app: Celery, key: str) -> dict[str, Any]:
    return record(t.waits.delay(4))


@case
def a_task_may_not_wait_unless_it_says_so(app: Celery, key: str) -> dict[str, Any]:
    return record(t.waits_wrongly.delay(4))


@case
def a_task_returns_a_result_object(app: Celery, key: str) -> dict[str, Any]:
    return record(t.returns_result.delay())


@case
def a_task_cuts_the_rest_of_its_chain(app: Celery, key: str) -> dict[str, Any]:
    work = chain(t.cuts_chain.s(1), t.noted.s(key=key))
    result = work.apply_async()
    made = record(result.parent)
    time.sleep(0.5)
    return {**made, "did": did(key), "last": result.state}


@case
def a_task_revokes_another(app: Celery, key: str) -> dict[str, Any]:
    result = t.revokes.delay(key)
    other = app.AsyncResult(result.get(timeout=20))
    made = record(other)
    return {"state": made["state"], "error": made["error"], "did": did(key)}


@case
def a_signal_adds_a_header(app: Celery, key: str) -> dict[str, Any]:
    return record(t.whoami.delay())
