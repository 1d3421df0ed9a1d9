"""Writes the measured tables into docs/reliability.md, between their marks."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path

from tests.faults.bounds import bounds_table
from tests.faults.finished import commit
from tests.faults.report import Report
from tests.faults.rows import Rows
from tests.faults.sizes import FULL


def write_report(rows: Rows, report: Report, root: Path) -> None:
    """Replace what stands there by this run's; the short form has a place of its own."""
    page = root / "docs" / "reliability.md"
    form = "Full form, real times and counts" if FULL else "Short form, times and bounds at 1/20"
    notes = ", ".join(f"{name} {value}" for name, value in rows.notes.items())
    about = f"{form}; {machine()}; commit {commit(root)}; {notes}."
    text = put(page.read_text(encoding="utf-8"), "full" if FULL else "short", f"{about}\n\n{rows.markdown()}")
    if FULL:
        text = put(
            text, "bounds", f"Commit {commit(root)}, real times.\n\n{bounds_table(rows.rows, report.lines)}"
        )
        rows.write(root / "docs" / "faults-full.json")
    page.write_text(text, encoding="utf-8")


def put(text: str, mark: str, fresh: str) -> str:
    """`text` with what is between the marks of that name replaced."""
    begin, end = f"<!-- faults: {mark} -->", f"<!-- /faults: {mark} -->"
    head, found, rest = text.partition(begin)
    _, closed, tail = rest.partition(end)
    assert found, f"no {begin} in docs/reliability.md"
    assert closed, f"no {end} in docs/reliability.md"
    return f"{head}{begin}\n{fresh}\n{end}{tail}"


def machine() -> str:
    """What it ran on, without names."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    kernel = platform.release().split("-")[0]
    return (
        f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {kernel} {platform.machine()}, "
        f"Python {platform.python_version()}, {version('redis-server', '--version')}, embedded PostgreSQL 18"
    )


def version(program: str, *words: str) -> str:
    """`Redis 7.0.15`."""
    found = shutil.which(program)
    if found is None:
        return "embedded Redis 6.2"
    said = subprocess.run([found, *words], capture_output=True, text=True, check=False, timeout=20).stdout
    number = next((word[2:] for word in said.split() if word.startswith("v=")), "?")
    return f"Redis {number}"
