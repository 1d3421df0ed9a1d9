"""An answer inside a wake-up is believed only when it is sealed with the key of its job."""

from __future__ import annotations

import json

import pytest

from windrow.core.answer import MAX_CHARS, answers, key_in, new_key, opened, with_key
from windrow.core.job import NewJob, Outcome
from windrow.core.states import State

TEXT = json.dumps(
    ["a", "t", "q", "succeeded", 0, 1, 0, 3, False, "2026-01-02T03:04:05.12+00:00"]
    + [None] * 4
    + [1.5, None, None, "a", None, ["x"], None, None, None, "42", None]
)


def ended(key: str | None) -> Outcome:
    return Outcome("a", 1, State.SUCCEEDED, "succeeded", answer_key=key)


def test_what_was_sealed_with_the_key_is_read_again() -> None:
    key = new_key()
    [answer] = answers([ended(key), ended(None)], {"a": TEXT})
    job_id, seal, text = json.loads(answer)
    record = opened(key, seal, text)
    assert job_id == "a"
    assert record is not None
    assert (record.id, record.state, record.result, record.tags) == ("a", State.SUCCEEDED, 42, ("x",))
    assert record.created_at.isoformat() == "2026-01-02T03:04:05.120000+00:00"


@pytest.mark.parametrize("seal", ["", "0" * 64, None, 7, "ü"])
def test_a_forged_answer_is_nothing(seal: object) -> None:
    assert opened(new_key(), seal, TEXT) is None


def test_another_jobs_key_and_a_changed_record_are_found_out() -> None:
    key = new_key()
    [answer] = answers([ended(key)], {"a": TEXT})
    _, seal, text = json.loads(answer)
    assert opened(new_key(), seal, text) is None
    assert opened(key, seal, text.replace("42", "43")) is None


def test_a_large_record_is_left_to_be_read() -> None:
    assert answers([ended(new_key())], {"a": TEXT + " " * MAX_CHARS}) == []


def test_the_key_travels_in_the_options_beside_others() -> None:
    job = with_key(NewJob("a", "t", "q", options='{"traceparent": "x"}'), "k")
    assert json.loads(job.options or "") == {"traceparent": "x", "answer_key": "k"}
    assert key_in(job.options) == "k"
    assert key_in('{"answer_key": 7}') is None
    assert key_in('{"a": 1}') is None
    assert key_in(None) is None
