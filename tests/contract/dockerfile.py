"""Reads a Dockerfile as far as the contract tests need it: stages, and the instructions of each."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Stage:
    """One FROM and what follows."""

    base: str
    name: str
    lines: list[tuple[str, str]] = field(default_factory=list)

    def all(self, instruction: str) -> list[str]:
        return [value for word, value in self.lines if word == instruction]


@dataclass(frozen=True)
class Dockerfile:
    """The ARGs before the first stage, and the stages in their order."""

    args: dict[str, str]
    stages: list[Stage]

    def stage(self, name: str) -> Stage:
        (found,) = (stage for stage in self.stages if stage.name == name)
        return found

    def lineage(self, name: str) -> list[Stage]:
        """The stage, what it stands on, and so on."""
        found = [self.stage(name)]
        names = {stage.name for stage in self.stages}
        while found[-1].base in names:
            found.append(self.stage(found[-1].base))
        return found


def read(path: Path) -> Dockerfile:
    text = re.sub(r"^\s*#.*\n", "", path.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    args: dict[str, str] = {}
    stages: list[Stage] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        word, value = line.split(maxsplit=1)
        if word == "FROM":
            base, _, name = value.partition(" AS ")
            stages.append(Stage(base.strip(), name.strip()))
        elif stages:
            stages[-1].lines.append((word, value.strip()))
        else:
            key, _, default = value.partition("=")
            args[key] = default
    return Dockerfile(args, stages)
