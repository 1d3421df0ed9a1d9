"""What the full form keeps of a run that was stopped, and how its tables get into the docs."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.faults.bounds import CRASH_POINTS, MEASURED, bounds_table
from tests.faults.finished import Finished
from tests.faults.mutants import MUTANTS, ROOT
from tests.faults.points import POINTS
from tests.faults.report import Line
from tests.faults.rows import Row, Rows
from tests.faults.write_report import put

GIT = ("git", "-c", "user.name=t", "-c", "user.email=t@example.com")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with one commit."""
    for words in (("init", "-q"), ("commit", "-q", "--allow-empty", "-m", "one")):
        subprocess.run([*GIT, *words], cwd=tmp_path, check=True, timeout=60)
    return tmp_path


def test_what_passed_is_not_run_again_and_what_failed_is(root: Path) -> None:
    first = Finished(root)
    first.keep("a", True, 1.0, [Row("01 a", accepted=5)], [Line("p", kills=2)])
    first.keep("b", False, 1.0, [Row("02 b", verdict="BAD")], [])
    again = Finished(root)
    assert again.done == {"a"}
    kept = again.rows_and_lines()
    assert kept["a"] == ([Row("01 a", accepted=5)], [Line("p", kills=2)])
    assert kept["b"][0][0].verdict == "BAD"


def test_another_commit_starts_from_nothing(root: Path) -> None:
    Finished(root).keep("a", True, 1.0, [], [])
    subprocess.run([*GIT, "commit", "-q", "--allow-empty", "-m", "two"], cwd=root, check=True, timeout=60)
    assert Finished(root).done == set()


def test_what_the_control_lost_stands_beside_the_fault_of_its_number() -> None:
    rows = Rows()
    rows.rows = [Row("11 emptied"), Row("01 killed"), Row("control 11 emptied", control="lost 3 of 4")]
    assert [(cells[0], cells[8]) for cells in rows.cells()] == [
        ("01 killed", ""),
        ("11 emptied", "lost 3 of 4"),
        ("control 11 emptied", "lost 3 of 4"),
    ]


def test_a_table_takes_the_place_of_the_one_before_it() -> None:
    page = "a\n<!-- faults: full -->\nold\n<!-- /faults: full -->\nz\n"
    assert put(page, "full", "new") == "a\n<!-- faults: full -->\nnew\n<!-- /faults: full -->\nz\n"
    with pytest.raises(AssertionError):
        put(page, "short", "new")


def test_every_guard_that_a_mutant_takes_out_is_where_it_looks() -> None:
    for mutant in MUTANTS:
        text = (ROOT / mutant.file).read_text()
        assert all(old in text for old, _ in mutant.edits), mutant.name
        for test in mutant.tests:
            assert (ROOT / test.split()[0]).exists()


def test_every_crash_point_names_points_that_there_are_and_shows_the_worst() -> None:
    assert {point.name for point in POINTS} >= MEASURED
    lines = [
        Line("worker.finished", kills=3, recovery=2.0),
        Line("worker.before-ack", kills=3, recovery=4.0, findings=["x"]),
    ]
    table = bounds_table([Row("19 asleep", worst_recovery_s=31.5)], lines)
    assert "| 4.0; BAD: worker.before-ack | 6 |" in table
    assert "| 31.5 |" in table
    assert table.count("not run") == len(CRASH_POINTS) - 2
