"""Ways to call a task and to look at its result."""

from __future__ import annotations

import time
from typing import Any

from celery import Celery, group
from celery.result import AsyncResult, GroupResult

from tests.conformance.case import case, caught, did, record, settle
from tests.conformance.project import tasks as t
from tests.conformance.project.effects import open_gate, wait_effects


@case
def delay_returns_a_result(app: Celery, key: str) -> dict[str, Any]:
    return record(t.add.delay(2, 3))


@case
def keyword_arguments_arrive(app: Celery, key: str) -> dict[str, Any]:
    return record(t.mul.apply_async(kwargs={"x": 6, "y": 7}))


@case
def send_task_by_name(app: Celery, key: str) -> dict[str, Any]:
    return record(app.send_task("shop.mul", args=(3, 4)))


@case
def a_shared_task(app: Celery, key: str) -> dict[str, Any]:
    return record(app.tasks["shop.shared"].delay(1))


@case
def a_wrong_call_is_refused(app: Celery, key: str) -> dict[str, Any]:
    return caught(lambda: t.mul.delay(1))


@case
def an_argument_that_is_not_json_is_refused(app: Celery, key: str) -> dict[str, Any]:
    return caught(lambda: t.same.delay(object()))


@case
def get_returns_the_value(app: Celery, key: str) -> dict[str, Any]:
    return caught(lambda: t.add.delay(20, 22).get(timeout=20))


@case
def get_raises_the_error(app: Celery, key: str) -> dict[str, Any]:
    return caught(lambda: t.fail.delay(message="get").get(timeout=20))


@case
def get_raises_the_projects_own_error(app: Celery, key: str) -> dict[str, Any]:
    return caught(lambda: t.fail_own.delay().get(timeout=20))


@case
def get_without_propagation(app: Celery, key: str) -> dict[str, Any]:
    return caught(lambda: t.fail.delay(message="kept").get(timeout=20, propagate=False))


@case
def get_times_out(app: Celery, key: str) -> dict[str, Any]:
    return caught(lambda: AsyncResult("nobody-made-this", app=app).get(timeout=0.5))


@case
def an_unknown_id_is_pending(app: Celery, key: str) -> dict[str, Any]:
    result = AsyncResult("nobody-made-that", app=app)
    return {"state": result.state, "result": result.result, "ready": result.ready(), "info": result.info}


@case
def a_result_is_found_by_its_id(app: Celery, key: str) -> dict[str, Any]:
    made = t.add.delay(1, 1)
    return record(app.AsyncResult(made.id))


@case
def a_group_result_joins(app: Celery, key: str) -> dict[str, Any]:
    result = group(t.add.s(i, i) for i in range(6)).apply_async()
    return {"joined": result.join(timeout=20), "get": result.get(timeout=20), "ok": result.successful()}


@case
def a_group_result_iterates_natively(app: Celery, key: str) -> dict[str, Any]:
    result = group(t.add.s(i, i) for i in range(4)).apply_async()
    return {"states": sorted(meta["status"] for _, meta in result.iter_native(timeout=20))}


@case
def a_group_with_a_failure_counts(app: Celery, key: str) -> dict[str, Any]:
    result = group(t.add.s(1, 1), t.fail.s(message="one")).apply_async()
    settle(result)
    return {
        "failed": result.failed(),
        "completed": result.completed_count(),
        "ready": result.ready(),
        **caught(lambda: result.get(timeout=20)),
    }


@case
def a_group_is_saved_and_restored(app: Celery, key: str) -> dict[str, Any]:
    result = group(t.add.s(i, i) for i in range(3)).apply_async()
    result.save()
    found = GroupResult.restore(result.id, app=app)
    values = found.get(timeout=20)
    found.delete()
    return {"values": values, "same": found == result, "after": GroupResult.restore(result.id, app=app)}


@case
def a_result_is_forgotten(app: Celery, key: str) -> dict[str, Any]:
    result = t.add.delay(5, 5)
    before = result.get(timeout=20)
    result.forget()
    time.sleep(0.1)
    return {"before": before, "after": app.AsyncResult(result.id).state}


@case
def progress_is_seen(app: Celery, key: str) -> dict[str, Any]:
    result = t.progress.delay(key)
    wait_effects(key, 1)
    end = time.monotonic() + 10
    while result.state != "PROGRESS" and time.monotonic() < end:
        time.sleep(0.05)
    during = {"during": result.state, "info": result.info}
    open_gate(key)
    return record(result, **during)


@case
def a_state_set_by_hand_stays(app: Celery, key: str) -> dict[str, Any]:
    made = record(t.own_state.delay(key))
    wait_effects(key, 1)
    return {**made, "did": did(key)}


@case
def eager_apply(app: Celery, key: str) -> dict[str, Any]:
    result = t.add.apply((2, 5))
    return {"state": result.state, "result": result.get()}


@case
def calling_a_task_directly(app: Celery, key: str) -> dict[str, Any]:
    return {"value": t.add(1, 2), "who": t.whoami()["called_directly"] if False else True}


@case
def a_signature_as_an_argument(app: Celery, key: str) -> dict[str, Any]:
    result = t.same.delay(t.add.s(1, 2))
    settle(result)
    return {
        "task": result.result["task"],
        "args": result.result["args"],
        "type": result.result["subtask_type"],
    }
