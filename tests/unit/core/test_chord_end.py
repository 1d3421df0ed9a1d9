"""The last part of a chord: results in the body's arguments, or the body's failure and what follows from it."""

from __future__ import annotations

import json

from windrow.core.chord_end import Part, Plan, dump_chord, end_chord, load_chord
from windrow.core.failure import failure_json
from windrow.core.job import RESULTS_MARK, Failure, NewChord, NewJob

ERROR = failure_json(Failure("shop.OutOfStock", "x", module="shop", args='["apple", 3]'))
BODY = NewJob("body", "total", "q", input=json.dumps([[RESULTS_MARK, "\x00 more"], {}]))


def chord(**more: object) -> NewChord:
    return NewChord("c", 2, (BODY,), **more)  # type: ignore[arg-type]


def test_a_chord_survives_its_text() -> None:
    inner = NewChord("inner", 1, (BODY,), plan="[null, true, null]")
    outer = chord(chords=(inner,))
    assert load_chord(dump_chord(outer)) == outer


def test_results_are_spliced_in_the_order_of_the_parts() -> None:
    end = end_chord(dump_chord(chord()), [Part("a", "1", None), Part("b", '{"x": NaN}', None)], "b")
    (job,) = end.jobs
    assert job.input == '[[[1, {"x": NaN}], "\\u0000 more"], {}]'
    assert job.parent_id == "b"


def test_results_of_groups_keep_their_nesting() -> None:
    plan = json.dumps(Plan([["a", "b"], "c"]))
    parts = [Part("c", "3", None), Part("b", "2", None), Part("a", "1", None)]
    (job,) = end_chord(dump_chord(chord(plan=plan)), parts, "c").jobs
    assert json.loads(job.input)[0][0] == [[1, 2], 3]


def test_a_failed_part_fails_the_body_as_celery_words_it() -> None:
    end = end_chord(dump_chord(chord()), [Part("a", "1", None), Part("b", None, ERROR)], "b")
    assert end.jobs == []
    ((job, error),) = end.failed
    assert job.id == "body"
    assert json.loads(error)["message"] == "Dependency b raised OutOfStock('apple', 3)"


def test_the_members_of_a_group_as_body_show_the_parts_own_error() -> None:
    plan = json.dumps(Plan(None, True))
    ((_, error),) = end_chord(dump_chord(chord(plan=plan)), [Part("b", None, ERROR)], "b").failed
    assert error == ERROR


def test_a_failed_body_tells_the_chord_around_it() -> None:
    options = json.dumps({"chord": {"task": "outer"}, "group": "outer", "group_index": 4})
    body = NewJob("body", "total", "q", options=options)
    end = end_chord(dump_chord(NewChord("c", 1, (body,))), [Part("a", None, ERROR)], "a")
    ((job_id, part),) = end.parts
    assert (job_id, part.chord_id, part.index) == ("body", "outer", 4)


def test_a_body_that_is_a_chord_fails_down_to_its_own_body() -> None:
    member = NewJob("member", "x", "q", options=json.dumps({"chord": {}, "group": "inner", "group_index": 0}))
    inner = NewChord("inner", 1, (BODY,))
    end = end_chord(dump_chord(NewChord("c", 1, (member,), (inner,))), [Part("a", None, ERROR)], "a")
    assert {job.id for job, _ in end.failed} == {"member", "body"}
    assert end.chords == []
