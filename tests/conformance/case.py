"""A case: sends something to a worker and returns what may be compared."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any

from celery import Celery, states
from celery.result import AsyncResult, GroupResult

from tests.conformance.project.effects import effects

WAIT_SECONDS = 60.0
CASES: dict[str, Callable[[Celery, str], dict[str, Any]]] = {}


def case(body: Callable[[Celery, str], dict[str, Any]]) -> Callable[[Celery, str], dict[str, Any]]:
    """Add a case under its function's name; the body gets the app and a key for effects."""
    CASES[body.__name__] = body
    return body


def run_case(app: Celery, name: str) -> dict[str, Any]:
    """The record of one case: what it returned, or how it broke."""
    key = f"{name}-{uuid.uuid4().hex[:8]}"
    try:
        return CASES[name](app, key)
    except Exception as exc:
        return {"broke": f"{type(exc).__name__}: {exc}"}


def settle(result: AsyncResult | GroupResult, timeout: float = WAIT_SECONDS) -> None:
    """Wait until everything in `result` is ready, whatever it became."""
    end = time.monotonic() + timeout
    for one in _members(result):
        while one.state not in states.READY_STATES:
            if time.monotonic() > end:
                return
            time.sleep(0.03)


def _members(result: AsyncResult | GroupResult) -> list[AsyncResult]:
    if isinstance(result, GroupResult):
        return [member for inner in result.results for member in _members(inner)]
    return [result]


def record(result: AsyncResult | GroupResult, **more: Any) -> dict[str, Any]:
    """State, result, exception, children and what else a caller can see; with `more` beside it."""
    settle(result)
    if isinstance(result, GroupResult):
        return {"group": [_one(member) for member in _members(result)], **more}
    return {**_one(result), **more}


def _one(result: AsyncResult) -> dict[str, Any]:
    value = result.result
    known = result._get_task_meta()
    return {
        "state": result.state,
        "result": _shown(value),
        "error": _error(value),
        "traceback": bool(result.traceback),
        "children": sorted(map(str, map(_shape, result.children or []))),
        "name": result.name,
        "args": hide(repr(known.get("args"))),
        "kwargs": {k: v for k, v in (known.get("kwargs") or {}).items() if k != "key"},
        "retries": result.retries,
        "queue": result.queue,
        "has_date": result.date_done is not None,
        "has_worker": result.worker is not None,
    }


def _shown(value: Any) -> str:
    if isinstance(value, BaseException):
        return hide(str(value))
    return hide(repr(value))


def _error(value: Any) -> list[str] | None:
    if not isinstance(value, BaseException):
        return None
    return [cls.__name__ for cls in type(value).__mro__ if cls is not object]


def _shape(result: Any) -> Any:
    if isinstance(result, GroupResult):
        return ["group", len(result.results)]
    return "job"


def hide(text: str) -> str:
    """Without ids, object addresses and hosts, which differ from run to run."""
    import re

    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "<id>", text)
    text = re.sub(r"[a-z_0-9]+-[0-9a-f]{8}(?=['\")])", "<key>", text)
    return re.sub(r"0x[0-9a-f]+", "<at>", text)


def did(key: str) -> list[str]:
    """The effects so far, without their order."""
    return sorted(hide(text) for text in effects(key))


def caught(call: Callable[[], Any]) -> dict[str, Any]:
    """What a call returned or raised."""
    try:
        return {"returned": hide(repr(call()))}
    except Exception as exc:
        return {"raised": type(exc).__name__, "text": hide(str(exc))}
