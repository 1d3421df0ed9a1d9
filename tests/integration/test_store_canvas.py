"""What one finish sets free in the ledger: chains, chords, and what follows from failures and cancels."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
import pytest

from windrow.core.ids import new_id
from windrow.core.job import RESULTS_MARK, ChordPart, Failure, NewChord, NewJob, Outcome
from windrow.core.states import State
from windrow.store.accept import accept
from windrow.store.claim import claim
from windrow.store.control import cancel, retry
from windrow.store.finish import Finished, finish
from windrow.store.ledger import Ledger
from windrow.store.submit import submit

FAILURE = Failure("ValueError", "no", args='["no"]')


class World:
    """A ledger, and a worker that does what it is told."""

    def __init__(self, url: str) -> None:
        self.ledger = Ledger(url)
        self._url = url

    def begin(self, jobs: Sequence[NewJob], chords: Sequence[NewChord] = ()) -> None:
        self.ledger.run(submit, jobs, chords)

    def hold(self, *ids: str) -> int:
        """Claim them; again is the same."""
        token = 7
        assert len(self.ledger.run(claim, ids, "worker", token)) == len(ids)
        return token

    def end(self, *outcomes: tuple[str, dict[str, Any]]) -> Finished:
        token = self.hold(*(job_id for job_id, _ in outcomes))
        now = time.monotonic()
        made = []
        for job_id, more in outcomes:
            state = more.pop("state", State.SUCCEEDED)
            made.append(Outcome(job_id, token, state, state.value, started_at=now, finished_at=now, **more))
        return self.ledger.run(finish, made, "worker")

    def states(self) -> dict[str, str]:
        with psycopg.connect(self._url) as connection:
            return dict(connection.execute("SELECT id, state::text FROM windrow.jobs").fetchall())

    def input(self, job_id: str) -> Any:
        with psycopg.connect(self._url) as connection:
            row = connection.execute(
                "SELECT input FROM windrow.payloads WHERE job_id = %s", (job_id,)
            ).fetchone()
        return json.loads(row[0]) if row else None


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    world = World(database_url)
    yield world
    world.ledger.close()


def job(job_id: str, **options: Any) -> NewJob:
    return NewJob(job_id, "task", "queue", options=json.dumps(options) if options else None)


def member(job_id: str, chord_id: str, index: int) -> NewJob:
    return job(job_id, chord={"task": "body"}, group=chord_id, group_index=index)


def body(job_id: str = "body", **options: Any) -> NewJob:
    return NewJob(
        job_id,
        "body",
        "queue",
        input=json.dumps([[RESULTS_MARK], {}]),
        options=json.dumps(options) if options else None,
    )


def part(chord_id: str, index: int, result: str | None, error: str | None = None) -> dict[str, Any]:
    return {"parts": (ChordPart(chord_id, index, result, error),), "result": result}


ERROR = json.dumps(
    {"cls": "ValueError", "module": "builtins", "message": "no", "traceback": None, "args": '["no"]'}
)


def test_the_last_part_frees_the_body_once(world: World) -> None:
    world.begin([member("a", "c", 0), member("b", "c", 1)], [NewChord("c", 2, (body(),))])
    assert world.end(("b", part("c", 1, "2"))).queued == []
    done = world.end(("a", part("c", 0, "1")))
    assert [freed.id for freed in done.queued] == ["body"]
    assert world.input("body") == [[[1, 2]], {}]


def test_parts_in_one_finish_count_each(world: World) -> None:
    ids = [f"m{i:02}" for i in range(50)]
    world.begin([member(id, "c", i) for i, id in enumerate(ids)], [NewChord("c", 50, (body(),))])
    world.end(*((id, part("c", i, str(i))) for i, id in enumerate(ids)))
    assert world.input("body") == [[list(range(50))], {}]


def test_a_failed_inner_chord_fails_the_outer_one_in_the_same_finish(world: World) -> None:
    inner = NewChord("inner", 1, (body("inner.body", chord={"task": "x"}, group="outer", group_index=0),))
    world.begin([member("a", "inner", 0)], [inner, NewChord("outer", 1, (body("outer.body"),))])
    done = world.end(("a", {"state": State.FAILED, "failure": FAILURE, **part("inner", 0, None, ERROR)}))
    assert set(done.ended) == {"inner.body", "outer.body"}
    assert world.states() == {"a": "failed", "inner.body": "failed", "outer.body": "failed"}


def test_a_chord_that_grows_waits_for_the_new_part(world: World) -> None:
    world.begin([member("a", "c", 0)], [NewChord("c", 1, (body(),))])
    world.begin([member("b", "c", 0)], [NewChord("c", 1, (), grows=True)])
    assert world.end(("a", part("c", 0, "1"))).queued == []
    assert [freed.id for freed in world.end(("b", part("c", 0, "2"))).queued] == ["body"]


def test_a_body_that_is_a_chord_is_opened_by_the_last_part(world: World) -> None:
    inner_member = NewJob(
        "m", "task", "queue", input=body().input, options=json.dumps({"chord": {"task": "x"}, "group": "in"})
    )
    world.begin(
        [member("a", "c", 0)], [NewChord("c", 1, (inner_member,), (NewChord("in", 1, (body("last"),)),))]
    )
    world.end(("a", part("c", 0, '"v"')))
    assert world.input("m") == [[["v"]], {}]
    world.end(("m", part("in", 0, '"w"')))
    assert world.input("last") == [[["w"]], {}]


def test_a_cancelled_member_that_waits_fails_its_chord(world: World) -> None:
    world.begin([member("a", "c", 0)], [NewChord("c", 1, (body(),))])
    done = world.ledger.run(cancel, ["a"])
    assert done.ended == ["body"]
    assert world.states() == {"a": "cancelled", "body": "failed"}


@pytest.mark.parametrize(
    ("state", "more"),
    [
        (State.BLOCKED, {"replaced_by": job("a")}),
        (State.BLOCKED, {"jobs": (member("b", "inner", 0),), "chords": (NewChord("inner", 1, (job("a"),)),)}),
        (State.RETRYING, {"replaced_by": NewJob("a", "task", "elsewhere", retries=1)}),
        (State.RETRYING, {"retries": 1}),
    ],
    ids=["replaced", "replaced by a chord", "retried elsewhere", "retried"],
)
def test_a_cancel_that_meets_a_job_which_would_run_again_ends_it_and_tells_its_chord(
    world: World, state: State, more: dict[str, Any]
) -> None:
    world.begin([member("a", "c", 0)], [NewChord("c", 1, (body(),))])
    world.hold("a")
    world.ledger.run(cancel, ["a"])
    done = world.end(("a", {"state": state, **more}))
    assert (done.queued, done.ended) == ([], ["body"])
    assert world.states() == {"a": "cancelled", "body": "failed"}


def test_a_chain_goes_on_when_its_failed_step_is_run_again(world: World) -> None:
    first, second = new_id(), new_id()
    step = {"task": "task", "args": [], "kwargs": {}, "options": {"task_id": second}}
    world.begin([job(first, chain=[step])])
    world.end((first, {"state": State.FAILED, "failure": FAILURE, "failed": (job(second),)}))
    assert world.states() == {first: "failed", second: "failed"}
    world.ledger.run(retry, first)
    done = world.end((first, {"result": "1", "jobs": (job(second),)}))
    assert [freed.id for freed in done.queued] == [second]
    assert world.states() == {first: "succeeded", second: "queued"}


def test_a_continuation_that_has_run_is_not_run_again(world: World) -> None:
    first, second = new_id(), new_id()
    world.begin([job(first)])
    world.end((first, {"jobs": (job(second),)}))
    world.end((second, {"state": State.FAILED, "failure": FAILURE}))
    third = new_id()
    world.begin([job(third)])
    assert world.end((third, {"jobs": (job(second),)})).queued == []
    assert world.states()[second] == "failed"


def test_a_replaced_job_waits_until_its_id_is_freed(world: World) -> None:
    world.begin([job("a")])
    world.end(("a", {"state": State.BLOCKED, "jobs": (job("step"),)}))
    assert world.states() == {"a": "blocked", "step": "queued"}
    done = world.end(("step", {"result": "1", "jobs": (job("a"),)}))
    assert [freed.id for freed in done.queued] == ["a"]
    world.ledger.run(accept, [job("a")])
    assert world.states()["a"] == "queued"
