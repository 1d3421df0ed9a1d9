"""Validation errors in words: where, what, and what to do about it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from windrow.api.fixes import fix_of
from windrow.api.problems import Flaw, Problem, invalid, malformed

#: More of them help nobody.
MAX_FLAWS = 20
MAX_MESSAGE_CHARS = 300


def pointer(path: Iterable[Any]) -> str:
    """JSON Pointer (RFC 6901) to where `path` leads."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def flaws_of(errors: Sequence[Mapping[str, Any]], prefix: Sequence[Any] = ()) -> list[Flaw]:
    """The flaws that pydantic's `errors` tell, below `prefix` in the body."""
    return [_flaw(error, prefix) for error in errors[:MAX_FLAWS]]


def refusal(error: ValidationError, body: bytes) -> Problem:
    """The problem of a body that did not validate."""
    errors = error.errors(include_url=False, include_input=False)
    if errors[0]["type"] == "json_invalid":
        return _unreadable(body, str(errors[0].get("ctx", {}).get("error", errors[0]["msg"])))
    return invalid(flaws_of(errors))


def cut(message: str) -> str:
    """`message`, but not a megabyte of it."""
    return message if len(message) <= MAX_MESSAGE_CHARS else message[:MAX_MESSAGE_CHARS] + "…"


def _flaw(error: Mapping[str, Any], prefix: Sequence[Any]) -> Flaw:
    where = (*prefix, *error["loc"])
    context = error.get("ctx") or {}
    if "field" in context:
        where = (*where, context["field"])
    return Flaw(pointer(where), cut(error["msg"]), fix_of(error["type"]))


def _unreadable(body: bytes, reason: str) -> Problem:
    """No JSON at all, or JSON that nobody here can keep."""
    try:
        json.loads(body)
    except json.JSONDecodeError:
        return malformed(f"The body is not JSON: {reason}")
    except UnicodeDecodeError:
        return malformed("The body is not UTF-8")
    except (ValueError, RecursionError):
        pass
    # Python's parser lets pass what cannot be stored as text or read back: half a surrogate pair,
    # a number of thousands of digits, hundreds of levels.
    fix = "Send complete Unicode characters, numbers under 4,300 digits and fewer than 200 levels"
    return invalid([Flaw("", f"The body cannot be kept: {cut(reason)}", fix)])
