"""What the doors import comes with the package: a test environment has more than a user's."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from windrow.cli.doors import DOORS

LOCK = Path(__file__).parents[2] / "uv.lock"
IMPORTED = """
import importlib, sys
before = set(sys.modules)
importlib.import_module(sys.argv[1])
print(*{name.partition(".")[0] for name in set(sys.modules) - before})
"""


def closure() -> set[str]:
    """The distributions that `pip install windrow` brings, by the lock."""
    packages = {package["name"]: package for package in tomllib.loads(LOCK.read_text())["package"]}
    found: set[tuple[str, str]] = set()
    todo: list[tuple[str, str]] = [("windrow", "")]
    while todo:
        one = todo.pop()
        if one in found:
            continue
        found.add(one)
        name, extra = one
        package: dict[str, Any] = packages[name]
        needs = package.get("optional-dependencies", {}) if extra else package
        for need in needs.get(extra or "dependencies", []):
            todo += [(need["name"], ""), *((need["name"], wanted) for wanted in need.get("extra", []))]
    return {name for name, _ in found}


@pytest.mark.parametrize("module", sorted({door.module for door in DOORS if ".dev." not in door.module}))
def test_a_door_imports_only_what_the_package_brings(module: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", IMPORTED, module], capture_output=True, text=True, timeout=50, check=True
    )
    owners = metadata.packages_distributions()
    used = {owner.lower().replace("_", "-") for top in ran.stdout.split() for owner in owners.get(top, [])}
    assert {name.replace(".", "-") for name in used} <= closure()
