"""Chains, groups, links, map and chunks."""

from __future__ import annotations

import time
from typing import Any

from celery import Celery, chain, group

from tests.conformance.case import case, did, record
from tests.conformance.project import tasks as t
from tests.conformance.project.effects import wait_effects


@case
def a_chain_of_two(app: Celery, key: str) -> dict[str, Any]:
    return record((t.add.s(1, 2) | t.mul.s(10))())


@case
def a_chain_of_five(app: Celery, key: str) -> dict[str, Any]:
    result = chain(t.add.s(1, 1), *(t.mul.s(2) for _ in range(4)))()
    made = record(result)
    return {**made, "parents": _parents(result)}


def _parents(result: Any) -> list[str]:
    seen = []
    while result.parent is not None:
        result = result.parent
        seen.append(repr(result.get(timeout=20)))
    return seen


@case
def a_chain_with_immutable_steps(app: Celery, key: str) -> dict[str, Any]:
    return record(chain(t.add.s(1, 1), t.add.si(40, 2), t.same.s())())


@case
def a_chain_with_one_step(app: Celery, key: str) -> dict[str, Any]:
    return record(chain(t.add.s(3, 4))())


@case
def a_chain_that_fails_in_the_middle(app: Celery, key: str) -> dict[str, Any]:
    result = chain(t.add.s(1, 1), t.fail.s(message="middle"), t.add.s(1), t.noted.s(key=key))()
    made = record(result)
    return {**made, "parent": record(result.parent.parent), "did": did(key)}


@case
def a_chain_that_fails_first(app: Celery, key: str) -> dict[str, Any]:
    made = record(chain(t.fail_own.s(), t.noted.s(key=key))())
    return {**made, "did": did(key)}


@case
def a_chain_with_arguments_at_the_call(app: Celery, key: str) -> dict[str, Any]:
    return record(chain(t.add.s(1), t.mul.s(3)).apply_async((4,)))


@case
def a_chain_in_a_chain(app: Celery, key: str) -> dict[str, Any]:
    return record(chain(t.add.s(1, 1), chain(t.add.s(2), t.add.s(3)), t.mul.s(2))())


@case
def a_chain_with_a_countdown(app: Celery, key: str) -> dict[str, Any]:
    return record(chain(t.add.s(1, 1), t.add.s(2).set(countdown=0.3))())


@case
def steps_on_other_queues(app: Celery, key: str) -> dict[str, Any]:
    return record(chain(t.add.s(1, 1), t.add.s(2).set(queue="shop-side"), t.add.s(3))())


@case
def a_chain_that_ends_in_a_group(app: Celery, key: str) -> dict[str, Any]:
    return record(chain(t.add.s(1, 1), group(t.add.s(10), t.mul.s(10)))())


@case
def a_group(app: Celery, key: str) -> dict[str, Any]:
    return record(group(t.add.s(i, i) for i in range(5)).apply_async())


@case
def a_group_with_arguments_at_the_call(app: Celery, key: str) -> dict[str, Any]:
    return record(group(t.add.s(1), t.mul.s(2)).apply_async((5,)))


@case
def a_group_of_one(app: Celery, key: str) -> dict[str, Any]:
    return record(group(t.add.s(1, 1)).apply_async())


@case
def an_empty_group(app: Celery, key: str) -> dict[str, Any]:
    result = group().apply_async()
    return {"results": len(result.results), "get": result.get(timeout=5)}


@case
def a_group_in_a_group(app: Celery, key: str) -> dict[str, Any]:
    return record(group(t.add.s(1, 1), group(t.add.s(2, 2), t.add.s(3, 3))).apply_async())


@case
def a_group_of_chains(app: Celery, key: str) -> dict[str, Any]:
    return record(group(chain(t.add.s(i, 1), t.mul.s(2)) for i in range(3)).apply_async())


@case
def a_link(app: Celery, key: str) -> dict[str, Any]:
    made = record(t.add.apply_async((1, 1), link=t.noted.s(key=key)))
    wait_effects(key, 1)
    return {**made, "did": did(key)}


@case
def several_links(app: Celery, key: str) -> dict[str, Any]:
    links = [t.noted.s(key=key), t.noted.si(9, key=key), group(t.noted.s(key=key), t.noted.s(key=key))]
    made = record(t.add.apply_async((1, 1), link=links))
    wait_effects(key, 4)
    return {**made, "did": did(key)}


@case
def a_link_to_a_chain(app: Celery, key: str) -> dict[str, Any]:
    made = record(t.add.apply_async((1, 1), link=chain(t.add.s(1), t.noted.s(key=key))))
    wait_effects(key, 1)
    return {**made, "did": did(key)}


@case
def a_link_is_not_called_after_a_failure(app: Celery, key: str) -> dict[str, Any]:
    made = record(t.fail.apply_async(link=t.noted.s(key=key), link_error=t.new_errback.s(key=key)))
    wait_effects(key, 1)
    return {**made, "did": did(key)}


@case
def an_old_error_callback(app: Celery, key: str) -> dict[str, Any]:
    made = record(t.fail.apply_async(link_error=t.old_errback.s(key=key)))
    wait_effects(key, 1)
    return {**made, "did": did(key)}


@case
def a_new_error_callback(app: Celery, key: str) -> dict[str, Any]:
    made = record(t.fail_own.apply_async(link_error=t.new_errback.s(key=key)))
    wait_effects(key, 1)
    return {**made, "did": did(key)}


@case
def both_error_callbacks(app: Celery, key: str) -> dict[str, Any]:
    made = record(t.fail.apply_async(link_error=[t.old_errback.s(key=key), t.new_errback.s(key=key)]))
    wait_effects(key, 2)
    return {**made, "did": did(key)}


@case
def a_chains_error_callback(app: Celery, key: str) -> dict[str, Any]:
    work = chain(t.add.s(1, 1), t.fail.s(message="linked"), t.add.s(1)).on_error(t.new_errback.s(key=key))
    made = record(work.apply_async())
    wait_effects(key, 1)
    time.sleep(0.3)
    return {**made, "did": did(key)}


@case
def a_chains_link(app: Celery, key: str) -> dict[str, Any]:
    work = chain(t.add.s(1, 1), t.add.s(1))
    work.link(t.noted.s(key=key))
    made = record(work.apply_async())
    wait_effects(key, 1)
    return {**made, "did": did(key)}


@case
def a_map(app: Celery, key: str) -> dict[str, Any]:
    return record(t.add.map([1, 2, 3]).apply_async()) | {"args": None, "kwargs": None}


@case
def a_starmap(app: Celery, key: str) -> dict[str, Any]:
    return record(t.add.starmap([(1, 2), (3, 4)]).apply_async()) | {"args": None, "kwargs": None}


@case
def chunks(app: Celery, key: str) -> dict[str, Any]:
    result = t.add.chunks([(i, i) for i in range(10)], 4).apply_async()
    return {"values": result.get(timeout=20)}


@case
def a_map_in_a_chain(app: Celery, key: str) -> dict[str, Any]:
    made = record(chain(t.add.starmap([(1, 2), (3, 4)]), t.total.s())())
    return made


@case
def a_signature_used_twice(app: Celery, key: str) -> dict[str, Any]:
    work = t.add.s(1, 1) | t.add.s(1)
    return {"first": record(work.delay()), "second": record(work.delay())}
