"""Writes the measured table into docs/reliability.md, between its two marks."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

from tests.faults.rows import Rows
from tests.faults.sizes import FULL

BEGIN, END = "<!-- faults: measured -->", "<!-- /faults -->"


def write_report(rows: Rows, root: Path) -> None:
    """Replace what stands there by the rows of this run, the machine and the commit."""
    page = root / "docs" / "reliability.md"
    text = page.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=root, capture_output=True, text=True, check=False
    ).stdout.strip()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    form = "full form, real times" if FULL else "short form, times and bounds at 1/20"
    about = (
        f"{form}; {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}; commit {commit}; "
        + ", ".join(f"{name} {value}" for name, value in rows.notes.items())
    )
    page.write_text(f"{head}{BEGIN}\n{about}.\n\n{rows.markdown()}\n{END}{tail}", encoding="utf-8")
