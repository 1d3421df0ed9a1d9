"""An adopted app in memory, and a ledger that only writes down what it is given."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from celery import Celery, _state

from windrow.core.job import NewChord, NewJob, Outcome
from windrow.worker import child
from windrow.worker.adopt import adopt


class Notebook:
    """A `Submitter` that remembers every call."""

    def __init__(self) -> None:
        self.calls: list[tuple[list[NewJob], list[NewChord]]] = []
        self.reports: list[tuple[str, str, str]] = []

    @property
    def jobs(self) -> list[NewJob]:
        return [job for jobs, _ in self.calls for job in jobs]

    def submit(self, jobs: Sequence[NewJob], chords: Sequence[NewChord] = ()) -> None:
        self.calls.append((list(jobs), list(chords)))

    def metas(self, job_ids: Sequence[str]) -> list[dict[str, Any] | None]:
        return [None for _ in job_ids]

    def cancel(self, job_ids: Sequence[str]) -> None:
        raise AssertionError("nobody cancels here")

    def progress(self, job_id: str, state: str, meta: str) -> None:
        self.reports.append((job_id, state, meta))


@pytest.fixture
def app() -> Iterator[Celery]:
    app = Celery("unit", set_as_current=False)
    adopt(app, database_url="postgresql://nowhere/nothing", redis_url="redis://nowhere:1/0")
    # Tasks are shared with every app that is finalized later: not beyond a test.
    shared = set(_state._on_app_finalizers)
    before = _state._tls.current_app
    app.set_current()
    yield app
    _state._set_current_app(before)
    _state._on_app_finalizers.intersection_update(shared)


@pytest.fixture
def notebook() -> Iterator[Notebook]:
    notebook = Notebook()
    child.use(notebook)
    yield notebook
    child.use(None)


class Bench:
    """Runs tasks of an app as a child does."""

    def __init__(self, app: Celery) -> None:
        self.app = app

    def run(
        self, task: Any, *args: Any, options: str | None = None, id: str = "job-1", **request: Any
    ) -> Outcome | tuple[Any, ...]:
        given = {"queue": "celery", "priority": 9, "retries": 0, "hostname": "unit", **request}
        return child.run(1, task.name, id, given, json.dumps([list(args), {}]), options)

    def outcome(self, task: Any, *args: Any, **more: Any) -> Outcome:
        made = self.run(task, *args, **more)
        assert isinstance(made, Outcome), made
        return made


@pytest.fixture
def bench(app: Celery, notebook: Notebook) -> Bench:
    return Bench(app)
