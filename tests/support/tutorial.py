"""A tutorial's bash blocks and the answers that it documents for them, run and compared."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
#: Printed after each block, to tell the answers apart.
_MARK = "\x1e"
PAGES = sorted((Path(__file__).resolve().parents[2] / "docs" / "tutorial").glob("[a-z]*.md"))
#: What pages write; the port may be taken here.
WRITTEN_URL = "http://127.0.0.1:8000"
#: Seconds for one page.
PAGE_SECONDS = 240
#: Stands for any value, and for any part of a line.
ANY = "…"


class Example(NamedTuple):
    """A bash block, and what it prints; `kind` is json, csv or text, empty where the page shows no answer."""

    command: str
    kind: str
    answer: str


def examples(page: Path, section: str) -> list[Example]:
    """The bash blocks below `## section` of a page, in their order."""
    text = re.split(r"^## ", page.read_text("utf-8"), flags=re.MULTILINE)
    body = next(part for part in text if part.startswith(f"{section}\n"))
    return list(_pairs(_FENCE.findall(body)))


def examples_until(page: Path, section: str) -> list[Example]:
    """The bash blocks above `## section` of a page, in their order."""
    return list(_pairs(_FENCE.findall(page.read_text("utf-8").partition(f"\n## {section}")[0])))


def play(page: Path, url: str, env: Mapping[str, str], folder: Path, without: str = "\0") -> None:
    """Do what a page says before `## In the cluster`, in `folder`, against the API at `url`, and compare its answers.

    `make up` and `make down` are somebody else's, and blocks with the word `without` are left out.
    """
    found = [
        each._replace(command=_here(each.command, url))
        for each in examples_until(page, "In the cluster")
        if without not in each.command
    ]
    assert found, f"{page} has no commands"
    for example, printed in zip(
        found, outputs(found, {**env, "API": url}, PAGE_SECONDS, folder), strict=True
    ):
        check(example, printed)


def _here(command: str, url: str) -> str:
    return re.sub(r"^.*\bmake (up|down)\b.*$", ":", command, flags=re.MULTILINE).replace(WRITTEN_URL, url)


def outputs(
    found: list[Example], env: Mapping[str, str], seconds: float, folder: Path | None = None
) -> list[str]:
    """What each block prints; all run in one bash, in `folder`, which stops at the first that fails."""
    script = "set -eo pipefail\n" + "".join(f"{each.command}\nprintf '{_MARK}'\n" for each in found)
    with subprocess.Popen(
        ["bash", "-c", script],
        env=dict(env),
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as shell:
        try:
            said, complained = shell.communicate(timeout=seconds)
        finally:
            # What a page starts beside it ends with it, whatever became of the page.
            with suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)
    assert shell.returncode == 0, said + complained
    return said.split(_MARK)[:-1]


def check(example: Example, printed: str) -> None:
    """Fail unless the block printed what the page says."""
    if example.kind == "json":
        expected, found = json.loads(example.answer), json.loads(printed)
        assert _same(expected, found), f"{example.command}\nanswered {printed}\nnot      {example.answer}"
    elif example.kind:
        pattern = re.escape(example.answer.strip()).replace(re.escape(ANY), r"[^\n]*?")
        assert re.fullmatch(pattern, printed.strip().replace("\r", "")), f"{example.command}\n{printed}"


def _pairs(blocks: list[tuple[str, str]]) -> Iterator[Example]:
    for at, (kind, text) in enumerate(blocks):
        if kind == "bash":
            after = blocks[at + 1] if at + 1 < len(blocks) else ("bash", "")
            yield Example(text, *(("", "") if after[0] == "bash" else after))


def _same(expected: Any, found: Any) -> bool:
    """Whether `found` is what a page shows: there may be more keys than are shown, and "…" stands for what differs."""
    if expected == ANY:
        return found is not None
    if isinstance(expected, dict) and isinstance(found, dict):
        return all(key in found and _same(value, found[key]) for key, value in expected.items())
    if isinstance(expected, list) and isinstance(found, list):
        shown = expected[:-1] if expected[-1:] == [ANY] else expected
        enough = len(found) >= len(shown) if len(shown) < len(expected) else len(found) == len(shown)
        return enough and all(_same(value, found[at]) for at, value in enumerate(shown))
    if isinstance(expected, str) and isinstance(found, str) and ANY in expected:
        return re.fullmatch(".*".join(map(re.escape, expected.split(ANY))), found, re.DOTALL) is not None
    alike = isinstance(expected, bool) == isinstance(found, bool)
    return alike and bool(expected == found)
