"""Chords: plain, empty, nested, failing."""

from __future__ import annotations

import time
from typing import Any

from celery import Celery, chain, chord, group

from tests.conformance.case import case, did, record
from tests.conformance.project import hard as h
from tests.conformance.project import tasks as t
from tests.conformance.project.effects import wait_effects


@case
def a_chord(app: Celery, key: str) -> dict[str, Any]:
    return record(chord([t.add.s(i, i) for i in range(4)])(t.total.s()))


@case
def a_chord_keeps_the_order(app: Celery, key: str) -> dict[str, Any]:
    return record(chord([t.same.s(i) for i in range(12)])(t.joined.s(key)))


@case
def a_chord_of_fifty(app: Celery, key: str) -> dict[str, Any]:
    return record(chord([t.add.s(i, 0) for i in range(50)])(t.total.s()))


@case
def a_chord_of_one(app: Celery, key: str) -> dict[str, Any]:
    return record(chord([t.add.s(1, 1)])(t.total.s()))


@case
def an_empty_chord(app: Celery, key: str) -> dict[str, Any]:
    return record(chord([])(t.total.s()))


@case
def a_chord_from_a_generator(app: Celery, key: str) -> dict[str, Any]:
    return record(chord(t.add.s(i, i) for i in range(5))(t.total.s()))


@case
def a_group_and_a_task_make_a_chord(app: Celery, key: str) -> dict[str, Any]:
    return record((group(t.add.s(1, 1), t.add.s(2, 2)) | t.total.s())())


@case
def a_chord_with_an_immutable_body(app: Celery, key: str) -> dict[str, Any]:
    return record(chord([t.add.s(1, 1), t.add.s(2, 2)])(t.noted.si("done", key=key)))


@case
def a_chord_in_the_middle_of_a_chain(app: Celery, key: str) -> dict[str, Any]:
    return record(chain(t.add.s(1, 1), group(t.add.s(1), t.add.s(2)), t.total.s(), t.mul.s(2))())


@case
def two_chords_in_a_chain(app: Celery, key: str) -> dict[str, Any]:
    work = chain(group(t.add.s(1, 1), t.add.s(2, 2)), t.total.s(), group(t.add.s(1), t.add.s(2)), t.total.s())
    return record(work())


@case
def a_chord_whose_body_is_a_chain(app: Celery, key: str) -> dict[str, Any]:
    return record(chord([t.add.s(1, 1), t.add.s(2, 2)])(chain(t.total.s(), t.mul.s(2), t.add.s(1))))


@case
def a_chord_whose_body_is_a_group(app: Celery, key: str) -> dict[str, Any]:
    return record(chord([t.add.s(1, 1), t.add.s(2, 2)])(group(t.total.s(), t.joined.s(key))))


@case
def a_chord_of_chains(app: Celery, key: str) -> dict[str, Any]:
    return record(chord([chain(t.add.s(i, 1), t.mul.s(2)) for i in range(3)])(t.joined.s(key)))


@case
def a_chord_of_chains_that_end_in_groups(app: Celery, key: str) -> dict[str, Any]:
    header = [chain(t.add.s(1, 1), group(t.add.s(1), t.add.s(2))), t.add.s(9, 9)]
    return record(chord(header)(t.joined.s(key)))


@case
def a_chord_of_groups(app: Celery, key: str) -> dict[str, Any]:
    header = [group(t.add.s(1, 1), t.add.s(2, 2)), t.add.s(3, 3)]
    return record(chord(header)(t.total.s()))


@case
def a_chord_in_a_chord(app: Celery, key: str) -> dict[str, Any]:
    inner = chord([t.add.s(1, 1), t.add.s(2, 2)], t.total.s())
    return record(chord([inner, t.add.s(10, 10)])(t.joined.s(key)))


@case
def a_chord_in_a_chord_in_a_chord(app: Celery, key: str) -> dict[str, Any]:
    deepest = chord([t.add.s(1, 1), t.add.s(2, 2)], t.total.s())
    middle = chord([deepest, t.add.s(3, 3)], t.total.s())
    return record(chord([middle, t.add.s(10, 10)])(t.total.s()))


@case
def a_chord_whose_body_is_a_chord(app: Celery, key: str) -> dict[str, Any]:
    body = chord([t.total.s(), t.joined.s(key)], t.same.s())
    return record(chord([t.add.s(1, 1), t.add.s(2, 2)])(body))


@case
def a_chord_with_arguments_at_the_call(app: Celery, key: str) -> dict[str, Any]:
    return record(chord([t.add.s(1), t.add.s(2)], t.total.s()).apply_async((10,)))


@case
def a_chord_with_a_countdown_on_the_body(app: Celery, key: str) -> dict[str, Any]:
    return record(chord([t.add.s(1, 1), t.add.s(2, 2)])(t.total.s().set(countdown=0.3)))


@case
def a_chord_with_a_body_on_another_queue(app: Celery, key: str) -> dict[str, Any]:
    return record(chord([t.add.s(1, 1), t.add.s(2, 2)])(t.total.s().set(queue="shop-side")))


@case
def a_chord_that_links(app: Celery, key: str) -> dict[str, Any]:
    work = chord([t.add.s(1, 1), t.add.s(2, 2)], t.total.s())
    work.link(t.noted.s(key=key))
    made = record(work.apply_async())
    wait_effects(key, 1)
    return {**made, "did": did(key)}


@case
def a_chord_with_a_failing_member(app: Celery, key: str) -> dict[str, Any]:
    made = record(chord([t.add.s(1, 1), t.fail.s(message="part")])(t.noted.s(key=key)))
    time.sleep(0.3)
    return _failed(made, key)


def _failed(made: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: made[name] for name in ("state", "result", "error")} | {"did": did(key)}


@case
def a_chord_with_a_members_own_error(app: Celery, key: str) -> dict[str, Any]:
    return _failed(record(chord([t.fail_own.s(), t.add.s(1, 1)])(t.total.s())), key)


@case
def a_chord_that_calls_an_error_callback(app: Celery, key: str) -> dict[str, Any]:
    body = t.total.s().on_error(t.new_errback.s(key=key))
    made = record(chord([t.add.s(1, 1), t.fail.s(message="part")])(body))
    wait_effects(key, 1)
    return _failed(made, key)


@case
def a_chord_that_calls_an_old_error_callback(app: Celery, key: str) -> dict[str, Any]:
    body = t.total.s().on_error(t.old_errback.s(key=key))
    made = record(chord([t.add.s(1, 1), t.fail.s(message="part")])(body))
    wait_effects(key, 1)
    return _failed(made, key)


@case
def a_failing_chord_body(app: Celery, key: str) -> dict[str, Any]:
    body = t.fail.s(message="body").on_error(t.new_errback.s(key=key))
    made = record(chord([t.add.s(1, 1), t.add.s(2, 2)])(body))
    wait_effects(key, 1)
    return _failed(made, key)


@case
def a_failing_chord_with_a_chain_as_body(app: Celery, key: str) -> dict[str, Any]:
    return _failed(
        record(chord([t.fail.s(message="part"), t.add.s(1, 1)])(chain(t.total.s(), t.noted.s(key=key)))), key
    )


@case
def a_failing_chord_with_a_group_as_body(app: Celery, key: str) -> dict[str, Any]:
    made = record(chord([t.fail.s(message="part"), t.add.s(1, 1)])(group(t.total.s(), t.noted.s(key=key))))
    return {"states": [(one["state"], one["result"], one["error"]) for one in made["group"]], "did": did(key)}


@case
def a_chain_whose_chord_fails(app: Celery, key: str) -> dict[str, Any]:
    work = chain(group(t.add.s(1, 1), t.fail.s(message="part")), t.total.s(), t.noted.s(key=key))
    return _failed(record(work()), key)


@case
def a_chain_that_fails_inside_a_chord(app: Celery, key: str) -> dict[str, Any]:
    header = [chain(t.fail.s(message="early"), t.add.s(1)), t.add.s(1, 1)]
    return _failed(record(chord(header)(t.noted.s(key=key))), key)


@case
def a_chord_that_grows(app: Celery, key: str) -> dict[str, Any]:
    made = record(chord([h.grows_chord.s(1)])(t.total.s()))
    return {"state": made["state"], "result": made["result"]}


@case
def a_chord_of_tasks_with_ignored_results(app: Celery, key: str) -> dict[str, Any]:
    made = record(chord([t.quiet.s(key), t.quiet.s(key)])(t.joined.s(key)))
    return {"state": made["state"], "result": made["result"], "did": did(key)}


@case
def a_chord_of_maps(app: Celery, key: str) -> dict[str, Any]:
    made = record(chord([t.add.starmap([(1, 1), (2, 2)]), t.same.s([0])])(t.joined.s(key)))
    return {"state": made["state"], "result": made["result"]}
