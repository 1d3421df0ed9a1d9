"""The end of a chord: its parts become the body's argument, or the body fails with the first error."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from windrow.core.aftermath import Ended, aftermath
from windrow.core.job import RESULTS_MARK, ChordPart, NewChord, NewJob
from windrow.core.job_json import from_dict, to_dict
from windrow.core.states import State


class Plan(NamedTuple):
    """What a chord's text says beside its body."""

    #: Ids of the members in the nesting of the result; None: flat, by index.
    shape: list[Any] | None = None
    #: A group as the body shows the member's own error, everything else a ChordError.
    is_group: bool = False
    #: The id that error callbacks of the body are told; a chain's is its last step's.
    errback_id: str | None = None


class Part(NamedTuple):
    """A member that ended: JSON texts, one of them None."""

    job_id: str
    result: str | None
    error: str | None


class End(NamedTuple):
    """What the last part of a chord sets free."""

    jobs: list[NewJob]
    chords: list[NewChord]
    #: Jobs that can never run, with the JSON text of their error.
    failed: list[tuple[NewJob, str]]
    #: (job id, part) for outer chords.
    parts: list[tuple[str, ChordPart]]


_MARK = json.dumps(RESULTS_MARK)


def dump_chord(chord: NewChord) -> str:
    """JSON text of what a chord does at its end."""
    return json.dumps(_to_dict(chord))


def load_chord(text: str) -> NewChord:
    """The reverse of `dump_chord`."""
    return _from_dict(json.loads(text))


def end_chord(text: str, parts: Sequence[Part], last_id: str) -> End:
    """What follows from `parts`, in the order of their index; `last_id` ended last and is the body's parent."""
    chord = _from_dict(json.loads(text))
    plan = Plan(*json.loads(chord.plan)) if chord.plan else Plan()
    ordered = _in_shape(plan.shape, parts) if plan.shape else list(parts)
    first = next((part for part in ordered if part.error is not None), None)
    body = [dataclasses.replace(job, parent_id=job.parent_id or last_id) for job in chord.body]
    if first is None or first.error is None:
        results = _results(plan.shape, parts)
        spliced = [dataclasses.replace(job, input=job.input.replace(_MARK, results)) for job in body]
        return End(spliced, list(chord.chords), [], [])
    error = first.error if plan.is_group else _chord_error(first.job_id, first.error)
    end = End([], [], [], [])
    _fail(dataclasses.replace(chord, body=tuple(body)), error, plan.errback_id, end)
    return end


def _fail(chord: NewChord, error: str, shown_id: str | None, end: End) -> None:
    """Everything that would have followed fails, down to the bodies of chords that are not even open."""
    unopened = {inner.id for inner in chord.chords}
    for job in chord.body:
        job = dataclasses.replace(job, input=job.input.replace(_MARK, "null"))
        end.failed.append((job, error))
        after = aftermath(
            Ended(
                job.id,
                job.task,
                job.queue,
                job.input,
                job.options,
                State.FAILED,
                job.parent_id,
                job.root_id,
                job.priority,
            ),
            error,
            shown_id,
        )
        end.jobs.extend(after.jobs)
        end.failed.extend((later, error) for later in after.failed)
        end.parts.extend((job.id, part) for part in after.parts if part.chord_id not in unopened)
    for inner in chord.chords:
        _fail(inner, error, None, end)


def _results(shape: list[Any] | None, parts: Sequence[Part]) -> str:
    if shape is None:
        return "[" + ", ".join(part.result or "null" for part in parts) + "]"
    by_id = {part.job_id: part.result or "null" for part in parts}
    return _nested(shape, by_id)


def _nested(shape: list[Any], by_id: dict[str, str]) -> str:
    items = (_nested(item, by_id) if isinstance(item, list) else by_id.get(item, "null") for item in shape)
    return "[" + ", ".join(items) + "]"


def _in_shape(shape: list[Any], parts: Sequence[Part]) -> list[Part]:
    ranks = {job_id: rank for rank, job_id in enumerate(_flat(shape))}
    return sorted(parts, key=lambda part: ranks.get(part.job_id, len(ranks)))


def _flat(shape: list[Any]) -> list[str]:
    return [i for item in shape for i in (_flat(item) if isinstance(item, list) else [item])]


def _chord_error(job_id: str, error: str) -> str:
    """The body's error as Celery words it: `Dependency 4f… raised ValueError('no')`."""
    cause = json.loads(error)
    args = json.loads(cause["args"]) if cause.get("args") else [cause.get("message")]
    shown = f"{cause['cls'].rpartition('.')[2]}({', '.join(repr(arg) for arg in args)})"
    message = f"Dependency {job_id} raised {shown}"
    return json.dumps(
        {
            "cls": "ChordError",
            "module": "celery.exceptions",
            "message": message,
            "traceback": cause.get("traceback"),
            "args": json.dumps([message]),
        }
    )


def _to_dict(chord: NewChord) -> dict[str, Any]:
    return {
        "id": chord.id,
        "size": chord.size,
        "body": [to_dict(job) for job in chord.body],
        "chords": [_to_dict(inner) for inner in chord.chords],
        "plan": chord.plan,
    }


def _from_dict(item: dict[str, Any]) -> NewChord:
    return NewChord(
        item["id"],
        item["size"],
        tuple(from_dict(job) for job in item["body"]),
        tuple(_from_dict(inner) for inner in item["chords"]),
        item["plan"],
    )
