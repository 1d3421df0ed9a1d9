"""What follows when a job ends badly and no child is there to say it: errbacks, the rest of its chain, its chord.

Celery's own rules (Backend.mark_as_failure, mark_as_revoked, _fail_chain), read from the job's options as plain JSON.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from windrow.core.failure import failure_json
from windrow.core.ids import new_id
from windrow.core.job import ChordPart, Failure, Held, NewJob, Outcome
from windrow.core.states import State
from windrow.core.traceparent import KEY

#: Runs error callbacks in a child: they are Python.
ERRBACK_TASK = "windrow.errback"


class Ended(NamedTuple):
    """A job that ended as failed, cancelled or expired; texts as the ledger has them."""

    id: str
    task: str
    queue: str
    input: str
    options: str | None
    state: State
    parent_id: str | None = None
    root_id: str | None = None
    priority: int = 0


class After(NamedTuple):
    """What the end of a job sets free."""

    jobs: tuple[NewJob, ...] = ()
    #: Jobs to save as failed with the same error.
    failed: tuple[NewJob, ...] = ()
    parts: tuple[ChordPart, ...] = ()


def revoked(state: State) -> Failure:
    """The error that a chord sees of a member that was cancelled or expired."""
    reason = "expired" if state is State.EXPIRED else "revoked"
    return Failure(
        cls="TaskRevokedError", module="celery.exceptions", message=reason, args=json.dumps([reason])
    )


def aftermath(ended: Ended, error: str, shown_id: str | None = None) -> After:
    """What follows from the end of `ended` with `error`, JSON text of a failure.

    `shown_id` is the id that error callbacks are told; its own without it.
    """
    options: dict[str, Any] = json.loads(ended.options) if ended.options else {}
    jobs: tuple[NewJob, ...] = ()
    failed: list[NewJob] = []
    parts = [ChordPart(*member, None, error) for member in _membership(options)]
    if ended.state is State.FAILED:
        if options.get("errbacks"):
            jobs = (_errback(ended, options, error, shown_id or ended.id),)
        for step in _steps(options.get("chain")):
            step_options = step.get("options") or {}
            if step_options.get("task_id"):
                failed.append(_unrun(step, ended))
            parts += [ChordPart(*member, None, error) for member in _membership(step_options)]
    return After(jobs, tuple(failed), tuple(dict.fromkeys(parts)))


def with_aftermath(outcome: Outcome, held: Held) -> Outcome:
    """`outcome`, made without the child's word, together with what follows from it."""
    if held.options is None or outcome.state not in (State.FAILED, State.CANCELLED, State.EXPIRED):
        return outcome
    ended = Ended(
        held.id,
        held.task,
        held.queue,
        held.input,
        held.options,
        outcome.state,
        held.parent_id,
        held.root_id,
        held.priority,
    )
    failure = outcome.failure if outcome.state is State.FAILED else None
    after = aftermath(ended, failure_json(failure or revoked(outcome.state)))
    return dataclasses.replace(outcome, jobs=after.jobs, failed=after.failed, parts=after.parts, chords=())


def _membership(options: dict[str, Any]) -> Iterator[tuple[str, int]]:
    """(chord id, index) of a member; a job's options say `group`, a signature's `group_id`."""
    group = options.get("group") or options.get("group_id")
    if options.get("chord") and group:
        yield str(group), int(options.get("group_index") or 0)


def _steps(chain: Any) -> Iterator[dict[str, Any]]:
    """Every signature that a failed chain will not reach: members of groups and bodies of chords too."""
    pending = list(chain) if isinstance(chain, list) else []
    while pending:
        step = pending.pop()
        if not isinstance(step, dict):
            continue
        kwargs = step.get("kwargs") or {}
        if step.get("subtask_type") == "chord":
            pending.append(kwargs.get("body"))
        elif step.get("subtask_type") in ("group", "chain"):
            pending += kwargs.get("tasks") or []
        else:
            yield step


def _unrun(step: dict[str, Any], ended: Ended) -> NewJob:
    queue = (step.get("options") or {}).get("queue")
    return NewJob(
        id=step["options"]["task_id"],
        task=step.get("task") or "unknown",
        queue=queue if isinstance(queue, str) else ended.queue,
        input=json.dumps([step.get("args") or [], step.get("kwargs") or {}]),
        parent_id=ended.id,
        root_id=ended.root_id or ended.id,
    )


def _errback(ended: Ended, options: dict[str, Any], error: str, shown_id: str) -> NewJob:
    trace = options.get(KEY)
    args, kwargs = json.loads(ended.input)
    request = {
        "id": shown_id,
        "task": ended.task,
        "args": args,
        "kwargs": kwargs,
        "parent_id": ended.parent_id,
        "root_id": ended.root_id or shown_id,
        "errbacks": options["errbacks"],
    }
    return NewJob(
        id=new_id(),
        task=ERRBACK_TASK,
        queue=ended.queue,
        priority=ended.priority,
        input=json.dumps([[request, json.loads(error)], {}]),
        parent_id=shown_id,
        root_id=ended.root_id or shown_id,
        options=None if trace is None else json.dumps({KEY: trace}),
    )
