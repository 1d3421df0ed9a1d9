"""What follows when a job ends badly without a child, from its options alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from windrow.core.aftermath import ERRBACK_TASK, Ended, aftermath
from windrow.core.failure import failure_json
from windrow.core.job import Failure
from windrow.core.states import State

ERROR = failure_json(Failure("ValueError", "no", args='["no"]'))


def ended(state: State = State.FAILED, **options: Any) -> Ended:
    return Ended("job-1", "task", "queue", '[[1], {"a": 2}]', json.dumps(options), state, root_id="root")


def step(task_id: str, **options: Any) -> dict[str, Any]:
    return {
        "task": "next",
        "args": [],
        "kwargs": {},
        "options": {"task_id": task_id, **options},
        "subtask_type": None,
    }


def test_a_job_without_options_sets_nothing_free() -> None:
    assert aftermath(ended()._replace(options=None), ERROR) == ((), (), ())


def test_error_callbacks_become_a_job_that_knows_the_failed_one() -> None:
    ((job,), failed, parts) = aftermath(ended(errbacks=[step("e")]), ERROR)
    assert (job.task, job.queue, job.parent_id, job.root_id) == (ERRBACK_TASK, "queue", "job-1", "root")
    ((request, error), _) = json.loads(job.input)
    assert (request["id"], request["args"], request["kwargs"]) == ("job-1", [1], {"a": 2})
    assert (request["errbacks"], error["cls"]) == ([step("e")], "ValueError")
    assert (failed, parts) == ((), ())


def test_the_rest_of_a_chain_fails_down_to_the_body_of_its_chord() -> None:
    body = step("body", chord={"task": "outer"}, group_id="outer", group_index=3)
    chord = {
        "task": "celery.chord",
        "subtask_type": "chord",
        "options": {"task_id": "c"},
        "kwargs": {"body": body},
    }
    group = {
        "task": "celery.group",
        "subtask_type": "group",
        "options": {},
        "kwargs": {"tasks": [step("g1")]},
    }
    after = aftermath(ended(chain=[group, chord, step("s2")]), ERROR)
    assert {job.id for job in after.failed} == {"s2", "body", "g1"}
    assert [(part.chord_id, part.index) for part in after.parts] == [("outer", 3)]


@pytest.mark.parametrize("state", [State.CANCELLED, State.EXPIRED])
def test_a_cancelled_job_tells_its_chord_and_nobody_else(state: State) -> None:
    options = {
        "chord": {"task": "b"},
        "group": "g",
        "group_index": 1,
        "errbacks": [step("e")],
        "chain": [step("s")],
    }
    after = aftermath(ended(state, **options), ERROR)
    assert (after.jobs, after.failed) == ((), ())
    assert [(part.chord_id, part.index, part.error) for part in after.parts] == [("g", 1, ERROR)]
