"""The tutorial, done as it is written: every command on this machine, and every answer that a page shows.

`make up` and `make down` are done once for all pages.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.tutorial import PAGES, play
from windrow.apps import DEFAULT_APPS, find_apps
from windrow.dev.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
WINDROW = (sys.executable, "-m", "windrow.cli")
pytestmark = pytest.mark.timeout(600)
#: The last one: parse's page cancels a job that has ended.
GOOD = {"200", "201", "202", "204", "409"}


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
        # The feed of the summaries' page is this machine's own.
        "WINDROW_OUTBOUND_NETWORKS": "127.0.0.1/32",
        # A page waits for its end: nobody has to wait half a minute.
        "WINDROW_DELAYS_TASK_TIMEOUT": "12",
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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_does_what_it_says(stack: dict[str, str], page: Path, tmp_path: Path) -> None:
    folder = Path(stack["WINDROW_UP_FOLDER"])
    (tmp_path / ".windrow").symlink_to(folder)
    play(page, json.loads((folder / "up.json").read_text())["api_url"], stack, tmp_path)


def test_every_route_of_the_apps_was_called_and_had_its_good_answer(stack: dict[str, str]) -> None:
    """After the pages, by the API's own count: a route that no page calls has no documented answer."""
    state = json.loads((Path(stack["WINDROW_UP_FOLDER"]) / "up.json").read_text())
    text = httpx.get(f"{state['api_url']}/metrics", timeout=30, trust_env=False).text
    answered = {
        (sample.labels["method"], _plain(sample.labels["route"]))
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "windrow_http_requests_total" and sample.labels["status"] in GOOD
    }
    if ("POST", "/process") not in answered or ("POST", "/parse") not in answered:
        pytest.skip("the pages were not played before")
    wanted = {
        (method, _plain(path))
        for spec in find_apps(DEFAULT_APPS)
        for methods, path in (taken.split(" ") for taken in spec.paths)
        for method in methods.split(",")
    }
    assert wanted | {("GET", "/health")} <= answered, (wanted | {("GET", "/health")}) - answered


def _plain(route: str) -> str:
    return re.sub(r":\w+\}", "}", route)
