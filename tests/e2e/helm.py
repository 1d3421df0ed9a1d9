"""One release of the chart, by the helm program."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.e2e.images import ROOT, Images, split

CHART = ROOT / "charts" / "windrow"
VALUES = Path(__file__).with_name("values.yaml")


class Helm:
    """`helm` on one release in one namespace; a failure raises with what it said."""

    def __init__(self, namespace: str, release: str = "windrow") -> None:
        self.release = release
        self._namespace = namespace
        self._program = find_helm()

    def install(self, *arguments: str) -> str:
        """Install the chart; returns without waiting."""
        return self._run("install", self.release, str(CHART), *arguments)

    def install_and_wait(self, *arguments: str) -> str:
        """Install the chart; returns when helm takes it for ready."""
        return self._run(
            "install", self.release, str(CHART), "--wait", "--timeout", "240s", *arguments, seconds=260
        )

    def upgrade(self, *arguments: str) -> str:
        """Upgrade the release."""
        return self._run("upgrade", self.release, str(CHART), *arguments)

    def rollback(self) -> str:
        """Back to the revision before."""
        return self._run("rollback", self.release)

    def test(self) -> str:
        """Run its tests; their output."""
        return self._run("test", self.release, "--logs", "--timeout", "150s", seconds=170)

    def uninstall(self) -> str:
        """Remove it."""
        return self._run("uninstall", self.release, "--ignore-not-found")

    def _run(self, command: str, *arguments: str, seconds: float = 120) -> str:
        answer = subprocess.run(
            [self._program, command, *arguments, "--namespace", self._namespace],
            capture_output=True,
            text=True,
            timeout=seconds,
        )
        if answer.returncode:
            raise AssertionError(f"helm {command} failed:\n{answer.stdout}\n{answer.stderr}")
        return answer.stdout


def names(images: Images) -> list[str]:
    """The least that an install of locally built images is told."""
    platform, tools = split(images.platform), split(images.tools)
    return [
        *("--set-string", f"image.repository={platform[0]},image.tag={platform[1]}"),
        *("--set-string", f"tools.image.repository={tools[0]},tools.image.tag={tools[1]}"),
    ]


def pools(images: Images, subjects: Mapping[str, list[str]], *, following: bool = False) -> list[str]:
    """The tests' pools on the project's image; `following`: both images one release later."""
    project = split(images.next_project if following else images.project)
    if following:
        images = images._replace(platform=images.next_platform)
    arguments = [*names(images), "--values", str(VALUES)]
    for pool in ("burst", "single"):
        image = f"workers.{pool}.image.repository={project[0]},workers.{pool}.image.tag={project[1]}"
        arguments += ["--set-string", image]
    return [*arguments, "--set-json", f"auth.serviceAccounts.subjects={_json(subjects)}"]


def find_helm() -> str:
    """HELM, or the one on PATH, or the one that infra/go.mod names, built once."""
    found = os.environ.get("HELM") or shutil.which("helm")
    if found:
        return found
    command = [sys.executable, "tools/go_tools.py", "helm"]
    answer = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, timeout=1800, check=True)
    return answer.stdout.strip()


def _json(value: Any) -> str:
    return json.dumps(value)
