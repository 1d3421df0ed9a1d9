"""Save what a task's body submits: chords before the jobs that count them down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from windrow.core.job import NewChord, NewJob
from windrow.store.chords import open_chords
from windrow.store.free import free
from windrow.store.op import Op


class Submitted(NamedTuple):
    """What is to be told to the broker after the commit."""

    queued: list[NewJob]
    scheduled: bool


def submit(jobs: Sequence[NewJob], chords: Sequence[NewChord] = ()) -> Op[Submitted]:
    """nothing or blocked -> queued, scheduled or blocked; ids that exist otherwise are left alone."""
    yield from open_chords(chords)
    queued, scheduled = yield from free(jobs)
    return Submitted(queued, scheduled)
