"""An outcome that Postgres refuses is replaced only when it is the outcome that is wrong."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import psycopg
import pytest
from psycopg import errors

from windrow.core.job import Held, Outcome
from windrow.core.states import State
from windrow.worker import refusals
from windrow.worker.desk import Entry

HELD = Held("j", "t", "q", 7, "[[], {}]", None, 0, 0, 3, False, 0, 0, None, None, None, None, None, False)
OUTCOME = Outcome("j", 7, State.SUCCEEDED, "succeeded", started_at=1.0, finished_at=2.0, result="1")


def _saved(entry: Entry, exc: Exception, monkeypatch: pytest.MonkeyPatch) -> Outcome:
    """The outcome that is tried next."""
    monkeypatch.setattr(refusals, "AGAIN_SECONDS", 0.01)
    tried: list[Outcome] = []
    done = threading.Event()

    def finish(outcome: Outcome) -> None:
        tried.append(outcome)
        done.set()

    refusals.on_refused(SimpleNamespace(entries={"j": entry}), finish, OUTCOME, exc)  # type: ignore[arg-type]
    assert done.wait(30)
    return tried[0]


@pytest.mark.parametrize("exc", [psycopg.DataError("\\u0000"), errors.CheckViolation("no")])
def test_an_outcome_that_cannot_be_stored_becomes_a_failure(
    exc: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = Entry("j", None, HELD)
    assert _saved(entry, exc, monkeypatch).state is State.FAILED
    # Not even that: it is tried again as it is.
    assert _saved(entry, exc, monkeypatch) is OUTCOME


@pytest.mark.parametrize(
    "exc",
    [
        errors.InsufficientPrivilege("a grant is missing"),
        errors.DuplicatePreparedStatement("a pooler"),
        errors.IndexCorrupted("a disk"),
        errors.FeatureNotSupported("an old server"),
    ],
    ids=lambda exc: type(exc).__name__,
)
def test_a_success_stays_one_when_the_fault_is_not_in_its_data(
    exc: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = Entry("j", None, HELD)
    assert _saved(entry, exc, monkeypatch) is OUTCOME
    assert not entry.refused
