"""The compact message and the names of lists."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windrow.broker.keys import list_name, queue_keys, step_of
from windrow.broker.message import (
    ALONE_END,
    COMPACT_START,
    Message,
    decode,
    decode_foreign,
    encode,
    is_compact,
)
from windrow.broker.unacked import queue_of


@given(st.text(max_size=50), st.text(max_size=50), st.booleans())
def test_what_is_encoded_is_decoded_whatever_the_text(job_id: str, task: str, alone: bool) -> None:
    payload = encode(Message(job_id, task, "q", 4, alone)).encode()
    assert decode(payload, "q", 3) == Message(job_id, task, "q", 3, alone)
    assert json.loads(payload)["id"] == job_id
    assert is_compact(payload)
    assert payload.endswith(ALONE_END.encode()) == alone


def test_a_message_is_about_a_hundred_bytes() -> None:
    assert len(encode(Message("01938f5e-7b1c-7aaa-bbbb-0123456789ab", "reports.render", "default"))) < 100


@pytest.mark.parametrize(
    "payload", [b"{", b"[]", b"7", b'{"id":1,"task":"t"}', b'{"id":"a"}', b'"id"', b"\xff"]
)
def test_rubbish_is_a_value_error(payload: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - its kinds are the json module's
        decode(payload, "q")
    with pytest.raises(ValueError):  # noqa: PT011
        decode_foreign(payload)


def test_a_celery_message_is_foreign() -> None:
    payload = b'{"body": "W10=", "headers": {"task": "t", "id": "a"}, "properties": {}}'
    assert not payload.startswith(COMPACT_START)
    assert decode_foreign(payload)["headers"]["task"] == "t"


@pytest.mark.parametrize(
    ("priority", "step"), [(-1, 0), (0, 0), (2, 0), (3, 3), (5, 3), (6, 6), (8, 6), (9, 9), (12, 9)]
)
def test_priorities_fall_into_steps(priority: int, step: int) -> None:
    assert step_of(priority) == step


def test_a_list_name_tells_its_queue_and_step() -> None:
    for queue in ("q", "a:b", "q:7"):
        for step in (0, 3, 6, 9):
            assert queue_of(list_name(queue, step)) == (queue, step)
    assert queue_of("q\x06\x166") == ("q", 6)
    assert queue_keys("q") == ("q", "q:3", "q:6", "q:9", "q:wake")
