"""What is wrong with the environment, in words: the variable and what it should be, without a traceback."""

from __future__ import annotations

from typing import Any


def settings_error(error: Any) -> str | None:
    """Lines about the WINDROW_ variables that a door's settings refused; None when `error` is something else.

    Known by its name: a probe would have to import pydantic only to ask.
    """
    if type(error).__name__ != "ValidationError" or not str(getattr(error, "title", "")).endswith("Settings"):
        return None
    lines = []
    for flaw in error.errors(include_url=False, include_context=False, include_input=False):
        place = ".".join(str(step) for step in flaw["loc"]).upper()
        what = "is not set" if flaw["type"] == "missing" else flaw["msg"].removeprefix("Value error, ")
        lines.append(f"WINDROW_{place}: {what}" if place else flaw["msg"])
    return "; ".join(lines)
