"""Shared memory that says which run each prefork child is in, so that a signal never hits a wrong victim.

Three 8-byte numbers a child: its pid, the run it is in (0: none), and the run that is to be stopped. The
child writes the first two, the main process the third. Made before the pool forks.
"""

from __future__ import annotations

import mmap
import struct

_SLOT = struct.Struct("=QQQ")


class Slots:
    """One slot a child; a slot whose pid is 0 or dead is free."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._memory = mmap.mmap(-1, count * _SLOT.size)

    def of_pid(self, pid: int) -> int | None:
        """The slot of a child; None when it has not said hello yet."""
        for slot in range(self._count):
            if self._get(slot, 0) == pid:
                return slot
        return None

    def occupy(self, slot: int, pid: int) -> None:
        """A child says hello."""
        _SLOT.pack_into(self._memory, slot * _SLOT.size, pid, 0, 0)

    def enter(self, slot: int, run: int) -> None:
        """The child begins `run`, or is in none (0)."""
        self._set(slot, 1, run)

    def run(self, slot: int) -> int:
        """The run that the child is in; 0: none."""
        return self._get(slot, 1)

    def aim(self, slot: int, run: int) -> None:
        """The main process wants `run` stopped."""
        self._set(slot, 2, run)

    def is_hit(self, slot: int) -> bool:
        """Whether the run that is to be stopped is the one that the child is in."""
        run = self._get(slot, 1)
        return run != 0 and run == self._get(slot, 2)

    def _get(self, slot: int, field: int) -> int:
        value: int = struct.unpack_from("=Q", self._memory, slot * _SLOT.size + 8 * field)[0]
        return value

    def _set(self, slot: int, field: int, value: int) -> None:
        struct.pack_into("=Q", self._memory, slot * _SLOT.size + 8 * field, value)
