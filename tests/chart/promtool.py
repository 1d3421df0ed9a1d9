"""Prometheus' own judge of rules: promtool from PATH, else the one that infra/go.mod names."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from tools.go_tools import bin_folder, build

#: All mutants are one run, of ten seconds; on a machine that is busy with other things of minutes.
RUN_SECONDS = 900


def promtool() -> Path:
    """Where it is. It takes minutes to build, so only CI does; elsewhere the test says what it skips."""
    found = shutil.which("promtool")
    if found is not None:
        return Path(found)
    if os.environ.get("CI") or (bin_folder() / "promtool").exists():
        return build("promtool")["promtool"]
    pytest.skip(
        "no promtool on PATH: install Debian's `prometheus`, or run `python -m tools.go_tools promtool`"
    )


def check_rules(path: Path) -> subprocess.CompletedProcess[str]:
    """What `promtool check rules` says."""
    return _run("check", "rules", str(path))


def outcomes(folder: Path, cases: Mapping[str, Path]) -> dict[str, str]:
    """What `promtool test rules` says of each test file: nothing when it is green. One run for all of them."""
    ran = _run("test", "rules", *(str(path) for path in cases.values()), folder=folder)
    parts = re.split(r"^Unit Testing: +(\S+)$", ran.stdout + ran.stderr, flags=re.M)[1:]
    said = dict(zip(parts[::2], parts[1::2], strict=True))
    return {
        name: "" if said[str(path)].strip() == "SUCCESS" else said[str(path)] for name, path in cases.items()
    }


def _run(*arguments: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [str(promtool()), *arguments]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=RUN_SECONDS, check=False
    )
