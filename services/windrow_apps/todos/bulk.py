"""One change for many to-dos: batch by batch, each a commit that says how far the job is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from windrow_apps.shared.database import DatabaseSettings, run
from windrow_apps.shared.ops import Op
from windrow_apps.todos.chore_store import Progress, hold_run, save_run
from windrow_apps.todos.store import Change, change_many

#: Called with how far it is, the number of ids in all, and what the last batch changed.
Report = Callable[[Progress, int, Sequence[Change]], None]


class Step(NamedTuple):
    """A batch: how far the job is after it, and what it changed."""

    progress: Progress
    changes: list[Change]


def update_many(
    run_id: str,
    owner: str,
    ids: Sequence[int],
    changes: Mapping[str, Any],
    database: DatabaseSettings,
    batch: int,
    report: Report,
) -> Progress:
    """Change those of `ids` that are `owner`'s; with the same `run_id` again it goes on where it was.

    Raises psycopg's OperationalError: what was committed is kept.
    """
    ordered = sorted(set(ids))
    while True:
        step = run(database, "todos", _step(run_id, owner, ordered, changes, batch))
        report(step.progress, len(ordered), step.changes)
        if step.progress.done >= len(ordered):
            return step.progress


def _step(run_id: str, owner: str, ids: Sequence[int], changes: Mapping[str, Any], batch: int) -> Op[Step]:
    # Held first: a worker that was taken for dead may be at the same batch.
    before = yield from hold_run(run_id)
    chosen = ids[before.done : before.done + batch]
    if not chosen:
        return Step(before, [])
    done = yield from change_many(owner, chosen, changes)
    after = Progress(before.done + len(chosen), before.changed + len(done))
    yield from save_run(run_id, after)
    return Step(after, done)
