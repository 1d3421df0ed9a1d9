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
#: Imports a module where the packages named after it are not installed.
IMPORTED = """
import importlib, sys
from importlib.abc import MetaPathFinder

class Absent(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in sys.argv[2:]:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
importlib.import_module(sys.argv[1])
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
    brought = closure()
    owners = metadata.packages_distributions()
    absent = [
        top
        for top, names in owners.items()
        if not any(name.lower().replace("_", "-").replace(".", "-") in brought for name in names)
    ]
    assert "pytest" in absent
    ran = subprocess.run(
        [sys.executable, "-c", IMPORTED, module, *absent], capture_output=True, text=True, timeout=50
    )
    assert ran.returncode == 0, ran.stderr
