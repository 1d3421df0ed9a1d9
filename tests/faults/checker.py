"""Judges a history: what must never happen to a job, whatever was killed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from tests.faults.history import FINAL, History, JobRow, Promise
from windrow.core.blame import MAX_CLAIMS

LOST, STUCK, DOUBLED, WRONG, HELD = "lost", "stuck", "doubled", "wrong", "held"
RESURRECTED, DISORDER, ENDLESS = "resurrected", "disorder", "endless"

#: Outcomes after which the job itself may run again: the lost, the retried, the given back.
_AGAIN = frozenset({"lost", "retried", "released", "rejected", "ignored"})


#: Outcomes that the task or the operator wished for.
_WISHED = frozenset({"retried", "released", "rejected", "ignored", "replaced"})
#: A job's runs that were not its own wish: as many as may fail, and as many as lost workers may cost it.
_RUNS_BEYOND = MAX_CLAIMS
#: State -> those that it may follow; what is not here may follow any that is not final.
_AFTER = {
    "claimed": {"queued", "retrying"},
    "running": {"claimed"},
    "succeeded": {"claimed", "running"},
    "retrying": {"claimed", "running"},
}


class Finding(NamedTuple):
    """Something that must not be."""

    kind: str
    job_id: str
    why: str


def check(history: History) -> list[Finding]:
    """All findings; empty when the history is one that may be."""
    return [*_promises(history), *_jobs(history), *_leftovers(history)]


def ended_by_losses(row: JobRow) -> bool:
    """Whether a job failed as the rules say: it was there each time when its worker or child died."""
    lost = sum(outcome == "lost" for _, outcome, _ in row.attempts)
    return row.state == "failed" and lost >= row.max_attempts


def _promises(history: History) -> Iterator[Finding]:
    families = Counter(row.root_id or row.id for row in history.jobs.values())
    tags = Counter(tag for row in history.jobs.values() for tag in row.tags)
    for promise in history.promises:
        row = history.jobs.get(promise.id)
        if row is None:
            yield Finding(LOST, promise.id, "accepted, and not in the ledger")
            continue
        if promise.tag and tags[promise.tag] != 1:
            yield Finding(DOUBLED, promise.id, f"{tags[promise.tag]} jobs of one idempotent request")
        if row.state in FINAL and not ended_by_losses(row):
            yield from _ending(promise, row, families[promise.id])


def _ending(promise: Promise, row: JobRow, family: int) -> Iterator[Finding]:
    if row.state != promise.state:
        yield Finding(
            WRONG, row.id, f"{row.task} should have {promise.state}, but {row.state}: {row.attempts}"
        )
        return
    result = row.attempts[-1][2] if row.attempts else None
    if promise.result is not None and result != promise.result:
        yield Finding(WRONG, row.id, f"{row.task} should have the result {promise.result}, not {result}")
    if promise.family is not None and family != promise.family:
        yield Finding(DOUBLED, row.id, f"{family} jobs of a {row.task} that makes {promise.family}")


def _jobs(history: History) -> Iterator[Finding]:
    for row in history.jobs.values():
        yield from _order(row)
        if row.state not in FINAL:
            yield Finding(STUCK, row.id, f"{row.task} is still {row.state}, held by {row.worker}")
            continue
        if row.worker is not None or row.token is not None:
            yield Finding(HELD, row.id, f"{row.state}, and still claimed by {row.worker}")
        yield from _records(row)


def _order(row: JobRow) -> Iterator[Finding]:
    """States follow one another as they may, and nothing follows a final one."""
    for before, after in pairwise(row.moves):
        if before in FINAL and after not in FINAL:
            yield Finding(RESURRECTED, row.id, f"{after} after {before}: {row.moves}")
        elif before not in _AFTER.get(after, {before}):
            yield Finding(DISORDER, row.id, f"{after} after {before}: {row.moves}")


def _records(row: JobRow) -> Iterator[Finding]:
    """A job reaches one final state once, and its attempts tell one story."""
    endings = [state for state in row.moves if state in FINAL]
    if len(endings) > 1:
        yield Finding(DOUBLED, row.id, f"ended {len(endings)} times: {row.moves}")
    succeeded = [number for number, outcome, _ in row.attempts if outcome == "succeeded"]
    if len(succeeded) > 1:
        yield Finding(DOUBLED, row.id, f"{len(succeeded)} attempts succeeded")
    if succeeded and row.state != "succeeded":
        yield Finding(DOUBLED, row.id, f"attempt {succeeded[0]} succeeded, and the job {row.state}")
    if succeeded and succeeded[0] != row.attempts[-1][0]:
        yield Finding(DOUBLED, row.id, f"ran again after it had succeeded: {row.attempts}")
    runs = sum(outcome not in _WISHED for _, outcome, _ in row.attempts)
    if runs > row.max_attempts + _RUNS_BEYOND:
        yield Finding(ENDLESS, row.id, f"{runs} runs, {row.max_attempts} may fail: {row.attempts}")
    numbers = [number for number, _, _ in row.attempts]
    if numbers != list(range(1, row.attempt + 1)):
        yield Finding(WRONG, row.id, f"{row.attempt} starts, but the attempts are {row.attempts}")
    if row.state == "succeeded" and not row.attempts:
        yield Finding(WRONG, row.id, "succeeded without an attempt")
    if row.state == "failed" and row.attempts and row.attempts[-1][1] in _AGAIN - {"lost"}:
        yield Finding(WRONG, row.id, f"failed by what ends nothing: {row.attempts}")


def _leftovers(history: History) -> Iterator[Finding]:
    for tag in history.unacked:
        yield Finding(HELD, tag, "left in the unacked hash")
    for tick in history.empty_ticks:
        yield Finding(LOST, tick, "a schedule's tick whose job does not exist")
