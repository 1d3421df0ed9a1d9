"""A call: one Lua script with its keys and arguments, and how to read its reply.

A call does no I/O itself: `client.py` runs it on a blocking connection, `async_client.py` on an asyncio
one, the transport on the connection that it waits on. So every Redis text has one form.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import cache
from importlib import resources
from typing import Any, Generic, NamedTuple, TypeVar

T = TypeVar("T")


class Script(NamedTuple):
    """A Lua script and the name under which Redis caches it."""

    text: str
    sha: str


@cache
def script(name: str) -> Script:
    """The script in lua/`name`.lua, read at first use."""
    text = resources.files("windrow.broker").joinpath("lua", f"{name}.lua").read_text("utf-8")
    return Script(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


class Call(NamedTuple, Generic[T]):
    """One EVALSHA; `read` turns its reply (integers, bytes and lists of them) into the result."""

    name: str
    keys: Sequence[str]
    args: Sequence[str | bytes | int]
    read: Callable[[Any], T]

    def by_sha(self) -> tuple[Any, ...]:
        """The command for a Redis that has the script."""
        return ("EVALSHA", script(self.name).sha, len(self.keys), *self.keys, *self.args)

    def by_text(self) -> tuple[Any, ...]:
        """The command for a Redis that lost it (a restart, a failover); it has it afterwards."""
        return ("EVAL", script(self.name).text, len(self.keys), *self.keys, *self.args)
