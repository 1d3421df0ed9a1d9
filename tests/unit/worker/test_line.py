"""The line between a prefork child and its main process: each call gets its own answer, whatever breaks in."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from tests.unit.worker.conftest import Notebook
from windrow.core.errors import JobCancelled
from windrow.worker.line import Line, LineServer

WAIT_SECONDS = 30


class Slow(Notebook):
    """Answers with the ids that it was asked for; while it is asked for `cancelled`, the asker is cancelled."""

    def __init__(self) -> None:
        super().__init__()
        self.asker = threading.get_ident()
        self.hit = threading.Event()

    def cancelled(self, number: int, frame: FrameType | None) -> None:
        self.hit.set()
        raise JobCancelled

    def metas(self, job_ids: Sequence[str]) -> list[dict[str, Any] | None]:
        if list(job_ids) == ["cancelled"]:
            signal.pthread_kill(self.asker, signal.SIGUSR2)
            assert self.hit.wait(WAIT_SECONDS)
        return [{"id": job_id} for job_id in job_ids]


@pytest.fixture
def main_process(tmp_path: Path) -> Iterator[Path]:
    submitter = Slow()
    before = signal.signal(signal.SIGUSR2, submitter.cancelled)
    server = LineServer(tmp_path / "line", submitter)
    server.start()
    yield tmp_path / "line"
    server.stop()
    signal.signal(signal.SIGUSR2, before)


def test_a_cancel_within_a_call_leaves_no_answer_for_the_next_job_of_the_child(main_process: Path) -> None:
    line = Line(main_process)
    assert line.metas(["first"]) == [{"id": "first"}]
    with pytest.raises(JobCancelled):
        line.metas(["cancelled"])
    assert [line.metas([job_id]) for job_id in ("x", "y")] == [[{"id": "x"}], [{"id": "y"}]]
