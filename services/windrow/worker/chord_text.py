"""A chord's body as jobs, made when the chord begins: at its end only text is put together."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from celery import Celery, group
from celery.canvas import _chain
from celery.result import GroupResult

from windrow.core.chord_end import Plan
from windrow.core.job import RESULTS_MARK, NewChord
from windrow.worker.gate import Gate


def new_chord(
    app: Celery, gate: Gate, chord_id: str, size: int, body: Any, results: list[Any] | None
) -> NewChord:
    """The chord `chord_id` of `size` parts; `results`: the header's frozen ones, None for a generator."""
    body = body.clone()
    task = app.current_worker_task
    children = list(task.request.children) if task else []
    with gate.rendering() as (jobs, chords):
        body.delay(RESULTS_MARK)
    if task:
        task.request.children[:] = children
    return NewChord(
        chord_id,
        size,
        # Its parent is whoever ends last.
        tuple(dataclasses.replace(job, parent_id=None) for job in jobs),
        tuple(chords),
        _plan(body, results),
    )


def _plan(body: Any, results: list[Any] | None) -> str | None:
    shape = None
    if results and any(isinstance(result, GroupResult) for result in results):
        shape = [_shape(result) for result in results]
    errback_id = body.options.get("task_id") if isinstance(body, _chain) else None
    plan = Plan(shape, isinstance(body, group), errback_id)
    return json.dumps(plan) if plan != Plan() else None


def _shape(result: Any) -> Any:
    return [_shape(member) for member in result.results] if isinstance(result, GroupResult) else result.id
