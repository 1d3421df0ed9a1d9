"""A failure as JSON text: what the attempts table keeps of an exception."""

from __future__ import annotations

import json

from windrow.core.job import Failure

MAX_TRACEBACK_CHARS = 16_384
MAX_MESSAGE_CHARS = 8_192
#: The text begins with the class: its name lies within so many characters.
CLASS_CHARS = 200


def failure_json(failure: Failure) -> str:
    """`{"cls", "module", "message", "traceback", "args"}`; long texts are cut, NULs removed (Postgres keeps none)."""
    return json.dumps(
        {
            "cls": failure.cls,
            "module": failure.module,
            "message": failure.message[:MAX_MESSAGE_CHARS],
            "traceback": failure.traceback[-MAX_TRACEBACK_CHARS:] if failure.traceback else None,
            "args": failure.args,
        }
    )


def load_failure(text: str) -> Failure:
    """The reverse of `failure_json`."""
    return Failure(**json.loads(text))
