"""Values, results and errors as the JSON text that the ledger keeps: kombu's JSON, Celery's rules."""

from __future__ import annotations

import json
import traceback as tracebacks
from typing import Any

from celery.backends.base import Backend
from celery.result import ResultBase
from celery.utils.serialization import ensure_serializable
from kombu.exceptions import EncodeError
from kombu.utils import json as kombu_json

from windrow.core.job import Failure


def dumps(value: Any) -> str:
    """JSON text of `value`; raises kombu's EncodeError, as publishing it would."""
    try:
        # ASCII, so that NUL and lone surrogates are escapes, which Postgres keeps.
        return json.dumps(value)
    except TypeError:
        pass  # kombu knows more types, and is slower.
    except (ValueError, OverflowError, RecursionError) as exc:
        raise EncodeError(str(exc)) from exc
    try:
        text: str = kombu_json.dumps(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as exc:
        raise EncodeError(str(exc)) from exc
    return text


def loads(text: str) -> Any:
    """The reverse of `dumps`."""
    # kombu's types are objects with this key; without one of them, the plain decoder does the same faster.
    return kombu_json.loads(text) if '"__type__"' in text else json.loads(text)


def result_text(value: Any) -> str:
    """A task's return value."""
    return dumps(value.as_tuple() if isinstance(value, ResultBase) else value)


def failure_of(exc: BaseException, traceback: Any = None) -> Failure:
    """`exc` as Celery's JSON backends keep it: its class by name, its arguments as far as they are JSON."""
    kind = type(exc)
    if traceback is None and exc.__traceback__ is not None:
        traceback = "".join(tracebacks.format_exception(kind, exc, exc.__traceback__))
    try:
        message = str(exc)
    except Exception:
        message = kind.__name__
    return Failure(
        cls=getattr(kind, "__qualname__", kind.__name__),
        module=kind.__module__,
        message=_clean(message),
        traceback=_clean(str(traceback)) if traceback else None,
        args=dumps(ensure_serializable(exc.args, dumps)),
    )


def raised_from(backend: Backend, error: dict[str, Any]) -> BaseException:
    """The exception that a failure's JSON stands for, as stock Celery re-creates it."""
    args = loads(error["args"]) if error.get("args") else [error.get("message", "")]
    found: BaseException = backend.exception_to_python(
        {"exc_type": error["cls"], "exc_message": args, "exc_module": error.get("module")}
    )
    return found


def failure_from_meta(meta: Any) -> Failure:
    """A failure that a task stored by hand: update_state(state=FAILURE, meta={"exc_type", "exc_message", …})."""
    if isinstance(meta, BaseException):
        return failure_of(meta)
    if not isinstance(meta, dict) or "exc_type" not in meta:
        return Failure("Exception", _clean(str(meta)), args=dumps([ensure_text(meta)]))
    message = meta.get("exc_message", "")
    args = list(message) if isinstance(message, (list, tuple)) else [message]
    return Failure(
        str(meta["exc_type"]),
        _clean(", ".join(map(str, args))),
        str(meta.get("exc_module") or "builtins"),
        args=dumps(args),
    )


def ensure_text(value: Any) -> Any:
    """`value` if it is JSON, else its repr."""
    try:
        dumps(value)
    except EncodeError:
        return repr(value)
    return value


def _clean(text: str) -> str:
    return text.replace("\x00", "").encode("utf-8", "replace").decode()
