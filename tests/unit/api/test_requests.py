"""From a request to a job, without any server."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from windrow.core.input import JobRequest, arguments, encode, new_job
from windrow.core.task import Task

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("ab\0é\n", max_size=3), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(JSON)
def test_any_json_input_comes_out_of_the_ledgers_text_as_it_went_in(value: Any) -> None:
    args, kwargs = arguments(value)
    text = encode(args, kwargs)
    assert repr(json.loads(text)) == repr([args, kwargs])
    assert "\0" not in text


TASK = Task("t", "q", max_attempts=4, retry='{"base": 1}', hard_limit=60.0, soft_limit=50.0, priority=2)


def test_a_bare_request_takes_everything_from_its_task() -> None:
    job = new_job(JobRequest(task="t"), TASK, "id", "[[], {}]")
    assert (job.queue, job.priority, job.max_attempts, job.retry_errors) == ("q", 2, 4, True)
    assert (job.hard_limit, job.soft_limit, job.options) == (60.0, 50.0, '{"retry": {"base": 1}}')


def test_priority_zero_is_a_wish_and_no_gap() -> None:
    assert new_job(JobRequest(task="t", priority=0), TASK, "id", "").priority == 0


def test_a_timeout_below_the_soft_limit_drops_it() -> None:
    job = new_job(JobRequest(task="t", timeout=10.0), TASK, "id", "")
    assert (job.hard_limit, job.soft_limit) == (10.0, None)


def test_a_task_that_does_not_retry_errors_needs_to_be_asked() -> None:
    plain = Task("t", "q")
    assert new_job(JobRequest(task="t"), plain, "id", "").retry_errors is False
    wished = new_job(JobRequest.model_validate_json('{"task": "t", "retry": {}}'), plain, "id", "")
    assert (wished.retry_errors, wished.max_attempts) == (True, 3)
    assert json.loads(wished.options or "") == {"retry": {"base": 1.0, "factor": 2.0, "cap": 600.0}}


@pytest.mark.parametrize(
    "moment", ['"1.5"', '"1700000000"', "5", '"2030-01-01"', '"2030-01-01T00:00:00"', '""']
)
def test_a_moment_is_written_out_with_its_offset(moment: str) -> None:
    with pytest.raises(ValidationError):
        JobRequest.model_validate_json(f'{{"task": "t", "run_at": {moment}}}')
