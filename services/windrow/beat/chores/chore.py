"""What a chore is, and what the chores work with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from windrow.beat.ledgers import Ledgers
from windrow.beat.settings import BeatSettings
from windrow.broker.depth import Depth
from windrow.broker.publisher import Publisher


class Pass(NamedTuple):
    """One run of a chore."""

    #: Rows it acted on.
    done: int
    #: Seconds until the next run, unless it is woken.
    wait: float
    #: What failed for some rows while the others went well.
    errors: Sequence[str] = ()


class Chore(Protocol):
    """A duty. Only the thread that it was given to calls it."""

    name: str

    def run(self) -> Pass:
        """Do what there is to do, in bounded time; raises when nothing could be done."""
        ...


@dataclass(frozen=True, slots=True)
class Tools:
    """What every chore works with; all of it may be shared by threads."""

    settings: BeatSettings
    ledgers: Ledgers
    publisher: Publisher
    depth: Depth
    #: Wake the chore of that name.
    wake: Callable[[str], None]
