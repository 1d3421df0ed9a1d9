"""One change for many to-dos: batch by batch, each a commit that says how far the job is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from windrow_apps.shared.database import DatabaseSettings, run
from windrow_apps.shared.ops import Op
from windrow_apps.todos.chore_store import Progress, hold_run, save_run
from windrow_apps.todos.models import TodoChange
from windrow_apps.todos.store import Change, change_many

#: Called with how far it is, the number of ids in all, and what the last batch changed.
Report = Callable[[Progress, int, Sequence[Change]], None]


class Step(NamedTuple):
    """A batch: how far the job is after it, the number of ids in all, and what it changed."""

    progress: Progress
    total: int
    changes: list[Change]


def update_many(run_id: str, database: DatabaseSettings, batch: int, report: Report) -> Progress:
    """Make the change that was ordered as `run_id`; called again it goes on where it was.

    Raises NoRun, and psycopg's OperationalError: what was committed is kept.
    """
    while True:
        step = run(database, "todos", _step(run_id, batch))
        report(*step)
        if step.progress.done >= step.total:
            return step.progress


def _step(run_id: str, batch: int) -> Op[Step]:
    # Held first: a worker that was taken for dead may be at the same batch.
    held = yield from hold_run(run_id)
    before, total = held.progress, len(held.task_ids)
    chosen = held.task_ids[before.done : before.done + batch]
    if not chosen:
        return Step(before, total, [])
    # As JSON: it was written with moments as text.
    changes = TodoChange.model_validate(held.update_data).changes()
    done = yield from change_many(held.owner, chosen, changes)
    after = Progress(before.done + len(chosen), before.changed + len(done))
    yield from save_run(run_id, after)
    return Step(after, total, done)
