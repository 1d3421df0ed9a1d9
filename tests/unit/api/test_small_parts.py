"""Cursors, preferences, pointers, allowed methods, slots and answers."""

from __future__ import annotations

from contextlib import suppress

import pytest
from fastapi import APIRouter, FastAPI
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Gauge

from windrow.api.allow import allowed
from windrow.api.cursors import decode_cursor, encode_cursor
from windrow.api.flaws import pointer
from windrow.api.prefer import wished_wait
from windrow.api.problems import Problem
from windrow.api.slots import Slots
from windrow.api.views import render
from windrow.core.ids import is_valid_id


@given(st.from_regex(r"[A-Za-z0-9._~:@-]{1,155}", fullmatch=True))
def test_a_cursor_brings_its_id_back(job_id: str) -> None:
    assert decode_cursor(encode_cursor(job_id)) == job_id


@given(st.text(max_size=300))
def test_anything_else_is_a_problem_and_no_crash(text: str) -> None:
    with suppress(Problem):
        assert is_valid_id(decode_cursor(text))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("wait=5", 5.0),
        ("Wait = 5", 5.0),
        ('wait="5"', 5.0),
        ("respond-async; wait=5", 5.0),
        ("wait=10, respond-async", 10.0),
        ("wait=99", 30.0),
        ("await=5", None),
        ("wait=5s", None),
        ("wait=-5", None),
        ("wait", None),
    ],
)
def test_a_wished_wait_is_read_and_bounded(header: str | None, seconds: float | None) -> None:
    assert wished_wait(header, 30.0) == seconds


def test_a_pointer_escapes_its_own_signs() -> None:
    assert pointer(["a/b", "m~n", 0]) == "/a~1b/m~0n/0"


def test_the_longest_template_tells_the_methods() -> None:
    async def endpoint() -> None: ...

    router = APIRouter()
    for method, path in (
        ("GET", "/jobs"),
        ("POST", "/jobs"),
        ("GET", "/jobs/{id}"),
        ("PUT", "/jobs/{other:int}"),
        ("POST", "/jobs/{id}:run"),
    ):
        router.add_api_route(path, endpoint, methods=[method])
    router.add_api_route("/{anything}", endpoint, methods=["DELETE"], include_in_schema=False)
    app = FastAPI()
    app.include_router(router)
    assert allowed(app.routes, "/jobs") == "GET, HEAD, POST"
    assert allowed(app.routes, "/jobs/a") == "GET, HEAD"
    assert allowed(app.routes, "/jobs/7") == "GET, HEAD, PUT"
    assert allowed(app.routes, "/jobs/a:run") == "POST"
    assert allowed(app.routes, "/jobs/a/b") is None


def test_slots_run_out_and_come_back() -> None:
    slots = Slots(1, Gauge("taken", "Taken.", registry=CollectorRegistry()))
    with slots.take() as first:
        assert first
        with slots.take() as second:
            assert not second
    with slots.take() as third:
        assert third


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": float("nan"), "b": [float("inf"), 1.5]}, '{"a":null,"b":[null,1.5]}'),
        ("\ud800", '"\\ud800"'),
        (10**400, str(10**400)),
    ],
)
def test_an_answer_is_always_json(value: object, text: str) -> None:
    assert render(value) == text
