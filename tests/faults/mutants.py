"""Breaks a guard at a time in a copy of the tree and runs the tests that should notice: `make faults-mutants`.

`python -m tests.faults.mutants [NAME…]` prints a Markdown table; its exit status is 1 if a mutant lives.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tests.faults.finished import commit

ROOT = Path(__file__).parents[2]
TEST_SECONDS = 900
#: Mutants at once: their tests wait for most of their time.
LANES = 2


class Mutant(NamedTuple):
    """A guard, how it is taken out, and who should see that."""

    name: str
    file: str
    #: (text, replacement); every occurrence is replaced, and there must be one.
    edits: tuple[tuple[str, str], ...]
    tests: tuple[str, ...]


MUTANTS = (
    Mutant(
        "token from finish",
        "services/windrow/store/finish.py",
        (("j.id = o.id AND j.token = o.token AND", "j.id = o.id AND"),),
        (
            "tests/integration/store/test_model.py",
            "tests/faults/test_sleeper.py",
        ),
    ),
    Mutant(
        "settling from the relay",
        "services/windrow/beat/chores/settle.py",
        (
            (
                "return [job_id for job_id in ids if job_id not in known]",
                "return [job_id for job_id in ids if job_id not in known and False]",
            ),
        ),
        ("tests/faults/test_faults_redis.py --only 11",),
    ),
    Mutant(
        "lease watch from rescue",
        "services/windrow/beat/chores/watch.py",
        (("return (glance.at - self._since).total_seconds()", "return 10.0**6"),),
        ("tests/integration/test_chore_outage.py", "tests/integration/test_chore_rescue.py"),
    ),
    Mutant(
        "commit before the answer",
        "services/windrow/api/acceptor.py",
        (
            ("class Acceptor:", "import asyncio\n\n_LATE = []\n\n\nclass Acceptor:"),
            (
                "verdicts = await self._ledger.run(accept_guarded, jobs, published)",
                "_LATE.append(asyncio.create_task(self._ledger.run(accept_guarded, jobs, published))); "
                "verdicts = [Verdict('inserted', g.job.id, State.QUEUED, g.job.queue) for g in jobs]",
            ),
        ),
        ("tests/faults/test_faults_doors.py --only 18", "tests/faults/test_faults_postgres.py --only 17"),
    ),
    Mutant(
        "continuation from the finish transaction",
        "services/windrow/worker/ledger_thread.py",
        (
            (
                "self._on_finished(part, run(op, part, self._worker))",
                "import dataclasses; from windrow.store.free import free; "
                "bare = [dataclasses.replace(o, jobs=()) for o in part]; "
                "self._on_finished(part, run(op, bare, self._worker)); "
                "run(free, [job for o in part for job in o.jobs])",
            ),
        ),
        ("tests/faults/test_points.py -k worker.finished-chain",),
    ),
    Mutant(
        "tag clean-up of dead workers",
        "services/windrow/beat/chores/rescue.py",
        (("            self._tools.depth.forget_worker(pool, worker)\n", ""),),
        ("tests/faults/test_tags.py",),
    ),
    Mutant(
        "tag clean-up, rescue's and settle's",
        # Where rescue's and settle's go through: each makes up for the other.
        "services/windrow/broker/depth.py",
        (("        if found:\n", "        if found and False:\n"),),
        ("tests/faults/test_faults_workers.py --only 1",),
    ),
)


def main(names: list[str]) -> int:
    """Try those whose name has one of `names` in it, or all."""
    chosen = [m for m in MUTANTS if not names or any(name in m.name for name in names)]
    print(f"Commit {commit(ROOT)}\n")
    print("| Guard taken out | Test that should notice | Verdict | s |\n|---|---|---|---:|", flush=True)
    with ThreadPoolExecutor(LANES) as lanes:
        alive = [
            m.name for m, caught in zip(chosen, lanes.map(is_noticed, chosen), strict=True) if not caught
        ]
    if alive:
        print(f"\nAlive: {', '.join(alive)}", file=sys.stderr)
    return 1 if alive else 0


def is_noticed(mutant: Mutant) -> bool:
    """Whether one of its tests goes red; prints a row for each that ran."""
    with tempfile.TemporaryDirectory(prefix="windrow-mutant-") as folder:
        tree = copy_of_tree(Path(folder) / "tree")
        apply(mutant, tree)
        for test in mutant.tests:
            began = time.monotonic()
            red, said = fails(tree, test)
            seconds = time.monotonic() - began
            print(f"| {mutant.name} | `{test}` | {said} | {seconds:.0f} |", flush=True)
            if red:
                return True
    return False


def copy_of_tree(target: Path) -> Path:
    """What is needed to run tests, without the environment."""
    target.mkdir()
    for name in ("services", "tests"):
        shutil.copytree(ROOT / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", target)
    return target


def apply(mutant: Mutant, tree: Path) -> None:
    """Take the guard out."""
    path = tree / mutant.file
    text = path.read_text()
    for old, new in mutant.edits:
        if old not in text:
            raise SystemExit(f"{mutant.name}: {mutant.file} has no {old!r} any more")
        text = text.replace(old, new)
    path.write_text(text)


def fails(tree: Path, test: str) -> tuple[bool, str]:
    """Whether the test goes red there for a failed assertion, and the word for it."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        *test.split(),
        "-x",
        "-q",
        "--seed",
        "20",
        f"--basetemp={tree}/t",
    ]
    path = os.pathsep.join([str(tree / "services"), str(tree)])
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    if "--only" not in test and "tests/faults" not in test:
        command = [word for word in command if word not in ("--seed", "20")]
    try:
        ran = subprocess.run(
            command,
            cwd=tree,
            env=environment,
            capture_output=True,
            text=True,
            timeout=TEST_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False, f"no verdict in {TEST_SECONDS} s"
    # 1: a test failed. Anything else is no verdict about the guard.
    if ran.returncode not in (0, 1):
        raise SystemExit(f"{test} did not run:\n{ran.stdout[-3000:]}{ran.stderr[-3000:]}")
    if ran.returncode == 0:
        return False, "green"
    why = reason(ran.stdout)
    # A slow machine is no verdict.
    return (False, f"no verdict: {why}") if "from pytest-timeout" in why else (True, f"red: {why}")


def reason(said: str) -> str:
    """The first words of what failed."""
    lines = [line[1:].strip() for line in said.splitlines() if line.startswith("E  ")]
    # An assertion's own words come after the line that names it.
    words = next((line for line in lines if not line.startswith("AssertionError: fault")), "")
    return words.replace("|", "/")[:90]


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
