"""The tutorial, done as it is written: every command on this machine, and every answer that a page shows.

In a page, a ```bash block is run as it stands, and a ```json block behind it is what it must print: "…" stands for
anything, and an answer may have more keys than are shown. `make up` and `make down` are done once for all pages.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from windrow.dev.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs" / "tutorial").glob("[a-z]*.md"))
WINDROW = (sys.executable, "-m", "windrow.cli")
#: What pages write; the port may be taken here.
WRITTEN_URL = "http://127.0.0.1:8000"
BLOCK_SECONDS = 120
pytestmark = pytest.mark.timeout(600)


class Block(NamedTuple):
    """One ```bash block, and the ```json block behind it."""

    line: int
    script: str
    answer: str | None


def blocks(text: str) -> list[Block]:
    """The blocks of a page up to `## In the cluster`."""
    here = text.partition("\n## In the cluster")[0]
    fences = list(re.finditer(r"^```(\w+)\n(.*?)^```$", here, re.MULTILINE | re.DOTALL))
    found: list[Block] = []
    for fence in fences:
        if fence[1] in ("bash", "sh"):
            found.append(Block(here.count("\n", 0, fence.start()) + 1, fence[2], None))
        elif fence[1] == "json" and found:
            found[-1] = found[-1]._replace(answer=fence[2])
    return found


def like(shown: Any, real: Any) -> bool:
    """Whether `real` is what a page shows."""
    if isinstance(shown, dict):
        return isinstance(real, dict) and all(k in real and like(v, real[k]) for k, v in shown.items())
    if isinstance(shown, list):
        if shown and shown[-1] == "…":
            shown = shown[:-1]
            return isinstance(real, list) and all(map(like, shown, real)) and len(real) >= len(shown)
        return isinstance(real, list) and len(shown) == len(real) and all(map(like, shown, real))
    if isinstance(shown, str) and "…" in shown:
        pattern = ".*".join(map(re.escape, shown.split("…")))
        return shown == "…" or (isinstance(real, str) and re.fullmatch(pattern, real, re.DOTALL) is not None)
    return bool(shown == real)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What `make up DETACH=1` starts, with all apps; the environment of a reader's shell."""
    folder = tmp_path_factory.mktemp("tutorial")
    pages = folder / "pages"
    pages.mkdir()
    for number in range(1, 21):
        (pages / f"{number}.html").write_text(
            f"<title>Page {number}</title><h1>Page {number}</h1><p>Some words."
        )
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith("WINDROW_")},
        "WINDROW_UP_FOLDER": str(folder / "up"),
        "WINDROW_API_PORT": str(free_port()),
        "WINDROW_UP_READY_SECONDS": "240",
        "WINDROW_CONCURRENCY": "2",
        "WINDROW_PARSE_SOURCE": str(pages),
        # A page waits for its end: nobody has to wait half a minute.
        "WINDROW_DELAYS_TASK_TIMEOUT": "5",
    }
    started = subprocess.run(
        [*WINDROW, "up", "--detach", "--no-demo"],
        capture_output=True,
        text=True,
        timeout=300,
        env=env,
        cwd=ROOT,
    )
    try:
        assert started.returncode == 0, started.stdout + started.stderr
        yield env
    finally:
        subprocess.run([*WINDROW, "down"], capture_output=True, timeout=120, env=env, cwd=ROOT)


def state(env: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((Path(env["WINDROW_UP_FOLDER"]) / "up.json").read_text())
    return found


def text(path: Path) -> str:
    """What a block has printed; nothing when it was not reached."""
    return path.read_text() if path.exists() else ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_does_what_it_says(stack: dict[str, str], page: Path, tmp_path: Path) -> None:
    up = state(stack)
    # Blocks share one shell, as they do for a reader; each prints into a file of its own.
    lines = ["set -euo pipefail", f"cd {ROOT}"]
    found = blocks(page.read_text("utf-8"))
    assert found, f"{page} has no commands"
    for number, block in enumerate(found):
        script = re.sub(r"^.*\bmake (up|down)\b.*$", ":", block.script, flags=re.MULTILINE)
        script = script.replace(WRITTEN_URL, up["api_url"]).replace(
            ".windrow/", f"{stack['WINDROW_UP_FOLDER']}/"
        )
        lines.append(
            f"{{\n{script}\n}} >{tmp_path}/{number}.out || {{ echo block at line {block.line} >&2; exit 1; }}"
        )
    ran = subprocess.run(
        ["bash", "-c", "\n".join(lines)],
        capture_output=True,
        text=True,
        timeout=BLOCK_SECONDS * len(found),
        env={**stack, "TMPDIR": str(tmp_path)},
    )
    printed = {block.line: text(tmp_path / f"{number}.out") for number, block in enumerate(found)}
    assert ran.returncode == 0, f"{page.name}: {ran.stderr} {json.dumps(printed, indent=2)}"
    for block in found:
        if block.answer is not None:
            out = printed[block.line]
            assert like(json.loads(block.answer), json.loads(out)), f"{page.name}:{block.line} printed {out}"


def test_an_answer_that_differs_is_seen() -> None:
    assert like({"a": "…", "b": ["x", "…"]}, {"a": 1, "b": ["x", "y"], "c": 2})
    assert like({"a": "/reports/….pdf"}, {"a": "/reports/1.pdf"})
    for real in ({"b": 1}, {"a": 2}, {"a": [1]}, None):
        assert not like({"a": 1}, real)
    assert not like(["x"], ["x", "y"])
    assert not like({"a": "/x/…"}, {"a": "/y/1"})
    page = "```bash\nmake up\n```\n\n```json\n{}\n```\n\n## In the cluster\n\n```bash\nhelm\n```\n"
    assert blocks(page) == [Block(1, "make up\n", "{}\n")]
