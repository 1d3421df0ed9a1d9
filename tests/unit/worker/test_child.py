"""child.run: every way in which a body can end becomes one outcome."""

from __future__ import annotations

import json
from typing import Any

import pytest
from celery import Celery, chain, chord, group
from celery.exceptions import Ignore, Reject

from tests.unit.worker.conftest import Bench, Notebook
from windrow.core.errors import JobCancelled
from windrow.core.job import NewJob, Outcome
from windrow.core.states import State
from windrow.worker import child
from windrow.worker.here import Here, checkpoint


def captured(notebook: Notebook, send: Any) -> NewJob:
    """The job that a call makes."""
    notebook.calls.clear()
    send()
    (job,) = notebook.jobs
    notebook.calls.clear()
    return job


@pytest.fixture
def add(app: Celery) -> Any:
    @app.task(name="add")
    def add(x: int, y: int = 1) -> int:
        return x + y

    return add


def test_a_plain_success_is_a_small_tuple(bench: Bench, add: Any) -> None:
    result, began, ended = bench.run(add, 2, 3)  # type: ignore[misc]
    assert result == "5"
    assert began <= ended


@pytest.mark.parametrize("error", [ValueError("bad"), MemoryError("all of it"), KeyError("k")])
def test_an_error_is_a_failure(bench: Bench, error: Exception) -> None:
    @bench.app.task(name="raises")
    def raises() -> None:
        raise error

    outcome = bench.outcome(raises)
    assert (outcome.state, outcome.outcome, outcome.counts) == (State.FAILED, "failed", True)
    assert outcome.failure is not None
    assert outcome.failure.cls == type(error).__name__
    assert json.loads(outcome.failure.args or "") == list(error.args)
    assert "raises" in (outcome.failure.traceback or "")


@pytest.mark.parametrize("error", [SystemExit(3), SystemExit("bye"), KeyboardInterrupt()])
def test_an_exit_is_a_failure_and_no_exit(bench: Bench, error: BaseException) -> None:
    @bench.app.task(name="exits")
    def exits() -> None:
        raise error

    outcome = bench.outcome(exits)
    assert outcome.state is State.FAILED
    assert outcome.failure is not None
    assert outcome.failure.cls in ("WorkerLostError", "KeyboardInterrupt")


def test_the_exit_that_a_signal_asked_for_goes_through(bench: Bench) -> None:
    @bench.app.task(name="signalled")
    def signalled() -> None:
        raise SystemExit(-(256 - 15))

    with pytest.raises(SystemExit):
        bench.run(signalled)
    assert Here.run() is None


def test_a_result_that_is_not_json_is_a_failure(bench: Bench) -> None:
    @bench.app.task(name="odd")
    def odd() -> object:
        return object()

    outcome = bench.outcome(odd)
    assert outcome.state is State.FAILED
    assert outcome.failure is not None
    assert outcome.failure.cls == "EncodeError"


def test_an_error_that_cannot_be_described_is_a_failure(bench: Bench) -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

        __repr__ = __str__

    @bench.app.task(name="mute")
    def mute() -> None:
        raise Mute

    assert bench.outcome(mute).state is State.FAILED


def test_an_unknown_task_is_a_failure(bench: Bench) -> None:
    class Nobody:
        name = "nobody.knows.me"

    assert bench.outcome(Nobody).failure.cls == "NotRegistered"  # type: ignore[union-attr]


def test_a_cancel_ends_the_body_at_its_next_checkpoint(bench: Bench) -> None:
    @bench.app.task(name="long")
    def long() -> None:
        assert child.cancel("job-1")
        checkpoint()
        raise AssertionError("went on")

    outcome = bench.outcome(long)
    assert (outcome.state, outcome.outcome) == (State.CANCELLED, "cancelled")
    assert not child.cancel("job-1")


def test_a_cancelled_member_tells_its_chord(bench: Bench) -> None:
    @bench.app.task(name="stops")
    def stops() -> None:
        raise JobCancelled

    outcome = bench.outcome(
        stops, options=json.dumps({"chord": {"task": "x"}, "group": "g", "group_index": 2})
    )
    (part,) = outcome.parts
    assert (part.chord_id, part.index, part.result) == ("g", 2, None)
    assert json.loads(part.error or "")["cls"] == "TaskRevokedError"


def test_a_retry_is_the_same_job_again_and_is_not_submitted(bench: Bench, notebook: Notebook) -> None:
    @bench.app.task(name="again", bind=True)
    def again(self: Any, x: int) -> None:
        raise self.retry(args=(x + 1,), countdown=7, exc=ValueError("later"))

    outcome = bench.outcome(again, 1)
    assert (outcome.state, outcome.outcome, outcome.retries, outcome.delay) == (
        State.RETRYING,
        "retried",
        1,
        7.0,
    )
    assert json.loads(outcome.input or "")[0] == [2]
    assert not outcome.counts
    assert outcome.failure is not None
    assert outcome.failure.message == "later"
    assert notebook.calls == []


def test_a_retry_on_another_queue_replaces_the_job(bench: Bench) -> None:
    @bench.app.task(name="elsewhere", bind=True)
    def elsewhere(self: Any) -> None:
        raise self.retry(queue="side", countdown=0)

    outcome = bench.outcome(elsewhere)
    assert outcome.replaced_by is not None
    assert (outcome.replaced_by.queue, outcome.replaced_by.retries) == ("side", 1)


def test_what_a_body_sends_is_saved_at_once_with_its_parent(
    bench: Bench, notebook: Notebook, add: Any
) -> None:
    @bench.app.task(name="sends")
    def sends() -> None:
        add.delay(1, 2)
        group(add.s(i) for i in range(3)).apply_async()

    outcome = bench.outcome(sends, root_id="root-0")
    assert [len(jobs) for jobs, _ in notebook.calls] == [1, 3]
    assert {(job.parent_id, job.root_id) for job in notebook.jobs} == {("job-1", "root-0")}
    assert len(json.loads(outcome.children or "")) == 2
    assert outcome.jobs == ()


def test_a_task_that_a_body_runs_eagerly_does_not_end_the_body(
    bench: Bench, notebook: Notebook, add: Any
) -> None:
    @bench.app.task(name="eager")
    def eager() -> None:
        add.apply((1, 1), link=add.s(1))
        add.delay(5)

    outcome = bench.outcome(eager)
    assert outcome.jobs == ()
    assert len(notebook.jobs) == 2


def test_the_next_step_of_a_chain_goes_with_the_outcome(bench: Bench, notebook: Notebook, add: Any) -> None:
    steps = chain(add.s(1, 1), add.s(5), add.s(7))
    frozen = steps.freeze()
    job = captured(notebook, steps.apply_async)
    outcome = bench.outcome(add, 1, 1, options=job.options, id=job.id)
    (step,) = outcome.jobs
    assert step.id == frozen.parent.id
    assert json.loads(step.input)[0] == [2, 5]
    assert outcome.result == "2"
    assert notebook.calls == []


def test_a_failed_step_fails_the_rest_of_its_chain(bench: Bench, notebook: Notebook, add: Any) -> None:
    @bench.app.task(name="breaks")
    def breaks() -> None:
        raise ValueError("no")

    steps = chain(breaks.s(), add.s(5), add.s(7))
    frozen = steps.freeze()
    job = captured(notebook, steps.apply_async)
    outcome = bench.outcome(breaks, options=job.options, id=job.id)
    assert outcome.jobs == ()
    assert {failed.id for failed in outcome.failed} == {frozen.id, frozen.parent.id}


def test_a_failure_that_will_be_tried_again_sets_nothing_free(
    bench: Bench, notebook: Notebook, add: Any
) -> None:
    @bench.app.task(name="breaks")
    def breaks() -> None:
        raise ValueError("no")

    job = captured(notebook, lambda: chain(breaks.s(), add.s(5)).apply_async(link_error=add.s()))
    outcome = bench.outcome(breaks, options=job.options, will_retry=True)
    assert (outcome.jobs, outcome.failed, outcome.parts) == ((), (), ())


def test_links_go_with_a_success_and_error_callbacks_with_a_failure(
    bench: Bench, notebook: Notebook, add: Any
) -> None:
    called: list[str] = []

    @bench.app.task(name="breaks")
    def breaks() -> None:
        raise ValueError("no")

    @bench.app.task(name="old")
    def old(task_id: str) -> None:
        pass

    @bench.app.task(name="new")
    def new(request: Any, exc: Exception, traceback: Any) -> None:
        called.append(f"{request.id} {exc}")

    job = captured(notebook, lambda: add.apply_async((1, 1), link=[add.s(1), add.s(2)], link_error=old.s()))
    assert len(bench.outcome(add, 1, 1, options=job.options).jobs) == 2
    job = captured(notebook, lambda: breaks.apply_async(link=add.s(1), link_error=[old.s(), new.s()]))
    outcome = bench.outcome(breaks, options=job.options)
    assert [freed.task for freed in outcome.jobs] == ["old"]
    assert called == ["job-1 no"]


def test_a_chord_begins_with_its_body_as_text(bench: Bench, notebook: Notebook, add: Any) -> None:
    body = add.s(10)
    chord([add.s(1), add.s(2)])(body)
    ((jobs, chords),) = notebook.calls
    (opened,) = chords
    assert (len(jobs), opened.size) == (2, 2)
    assert {json.loads(job.options or "")["group"] for job in jobs} == {opened.id}
    (freed,) = opened.body
    assert "chord-results" in freed.input
    assert freed.task == "add"
    outcome = bench.outcome(add, 1, options=jobs[1].options, id=jobs[1].id)
    (part,) = outcome.parts
    assert (part.chord_id, part.index, part.result) == (opened.id, 1, "2")


def test_a_task_that_becomes_another_waits_under_its_own_id(
    bench: Bench, notebook: Notebook, add: Any
) -> None:
    @bench.app.task(name="becomes", bind=True)
    def becomes(self: Any, what: str) -> None:
        raise self.replace(add.s(1, 1) if what == "task" else chain(add.s(1, 1), add.s(2)))

    outcome = bench.outcome(becomes, "task")
    assert outcome.state is State.BLOCKED
    assert outcome.replaced_by is not None
    assert outcome.replaced_by.id == "job-1"
    outcome = bench.outcome(becomes, "chain")
    assert outcome.state is State.BLOCKED
    assert outcome.replaced_by is None
    (first,) = outcome.jobs
    assert first.id != "job-1"
    assert "job-1" in (first.options or "")
    assert notebook.calls == []


@pytest.mark.parametrize(
    ("exc", "state", "outcome"),
    [
        (Ignore(), State.SUCCEEDED, "ignored"),
        (Reject("no", requeue=False), State.FAILED, "rejected"),
        (Reject("yes", requeue=True), State.QUEUED, "rejected"),
    ],
)
def test_ignore_and_reject(bench: Bench, exc: Exception, state: State, outcome: str) -> None:
    @bench.app.task(name="predicate")
    def predicate() -> None:
        raise exc

    made = bench.outcome(predicate)
    assert (made.state, made.outcome, made.counts) == (state, outcome, False)


def test_progress_is_reported_and_a_last_word_by_hand_counts(bench: Bench, notebook: Notebook) -> None:
    @bench.app.task(name="reports", bind=True)
    def reports(self: Any) -> None:
        self.update_state(state="PROGRESS", meta={"current": 1})
        self.update_state(state="FAILURE", meta={"exc_type": "OSError", "exc_message": "by hand"})
        raise Ignore

    outcome = bench.outcome(reports)
    assert notebook.reports == [("job-1", "PROGRESS", '{"current": 1}')]
    assert outcome.state is State.FAILED
    assert outcome.failure is not None
    assert outcome.failure.cls == "OSError"


def test_an_ignored_result_is_not_stored(bench: Bench) -> None:
    @bench.app.task(name="quiet", ignore_result=True)
    def quiet() -> int:
        return 7

    result, _, _ = bench.run(quiet)  # type: ignore[misc]
    assert result is None


def test_outcomes_can_be_pickled(bench: Bench, notebook: Notebook, add: Any) -> None:
    import pickle

    job = captured(notebook, lambda: chain(add.s(1, 1), add.s(1)).apply_async())
    outcome = bench.outcome(add, 1, 1, options=job.options)
    assert isinstance(pickle.loads(pickle.dumps(outcome)), Outcome)
