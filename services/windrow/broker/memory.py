"""How much memory Redis uses, and may use."""

from __future__ import annotations

from typing import NamedTuple

from windrow.broker.call import Call


class Memory(NamedTuple):
    """In bytes."""

    used: int
    #: None: no limit.
    limit: int | None


def memory() -> Call[Memory]:
    """Ask the server."""
    return Call("memory", [], (), _parse)


def _parse(reply: bytes) -> Memory:
    found = dict(line.split(":", 1) for line in reply.decode().splitlines() if ":" in line)
    return Memory(int(found["used_memory"]), int(found.get("maxmemory", 0)) or None)
