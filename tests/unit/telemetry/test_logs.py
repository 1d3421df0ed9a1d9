"""A line's form, what it is about, and what is taken out of it."""

from __future__ import annotations

import io
import json
import logging
import sys
import threading
from collections.abc import Iterator

import pytest

from windrow.telemetry import logs
from windrow.telemetry.secrets import Redaction


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, hooks = root.handlers[:], root.level, (sys.excepthook, threading.excepthook)
    yield
    root.handlers, root.level = handlers, level
    sys.excepthook, threading.excepthook = hooks
    logging.captureWarnings(False)


def test_a_line_is_an_object_in_one_order() -> None:
    out = io.StringIO()
    about = {"job_id": "j", "task": "t", "attempt": 2, "queue": "q", "trace_id": None}
    logs.configure("worker", "json", context=lambda: about, stream=out)
    logging.getLogger("a").info("one\n%s", "two \u00e9 \ud800", extra={"job_id": "other"})
    line = json.loads(out.getvalue())
    assert out.getvalue().count("\n") == 1
    assert line.pop("time").endswith("Z")
    assert list(line.items()) == [
        ("level", "info"),
        ("door", "worker"),
        ("logger", "a"),
        ("event", "one\ntwo \u00e9 \ud800"),
        ("job_id", "other"),
        ("task", "t"),
        ("attempt", 2),
        ("queue", "q"),
    ]


def test_a_line_for_people_has_the_same() -> None:
    out = io.StringIO()
    logs.configure("worker", "console", context=lambda: {"job_id": "j"}, stream=out)
    try:
        raise ValueError("no")
    except ValueError:
        logging.getLogger("a").exception("it broke")
    first, *rest = out.getvalue().splitlines()
    assert first.endswith("ERROR   it broke [a] job_id=j")
    assert rest[-1] == "ValueError: no"


def test_an_uncaught_error_is_a_line() -> None:
    out = io.StringIO()
    logs.configure("beat", "json", stream=out)
    error = ValueError("no")
    sys.excepthook(ValueError, error, None)
    assert json.loads(out.getvalue())["event"] == "ValueError ends this process"


@pytest.mark.parametrize(
    ("line", "clean"),
    [
        ("redis://:s3cret@h:1/0", "redis://:***@h:1/0"),
        ("postgresql://me:s%40t@h/d and x@y", "postgresql://me:***@h/d and x@y"),
        ("http://h/a:b@c", "http://h/a:b@c"),
        ("sent wrk_0123456789ab_" + "a" * 43, "sent wrk_0123456789ab_***"),
        ("Authorization: Bearer eyJhbGciOi.abc", "Authorization: Bearer ***"),
        ("the bearer was late", "the bearer was late"),
        ("host=h password=topsecret user=u", "host=h password=*** user=u"),
        ('connected with pa$$"wörd!', "connected with ***"),
        ('{"a": "pa$$\\"w\\u00f6rd!"}', '{"a": "***"}'),
        ("abc is a word", "abc is a word"),
    ],
)
def test_secrets_are_taken_out(line: str, clean: str) -> None:
    secrets = ["redis://:pa%24%24%22w%C3%B6rd%21@h", "abc", "not a url://["]
    assert Redaction(secrets)(line) == clean
