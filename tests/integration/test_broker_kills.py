"""SIGKILL between taking and acknowledging."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def kill_consumers(url: str, kills: int, transport: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.support.broker_victims", url, str(kills), "1", transport]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=400, check=True)
    tally: dict[str, Any] = json.loads(done.stdout)
    return tally


@pytest.mark.timeout(450)
def test_200_killed_consumers_lose_no_message(redis_url: str) -> None:
    tally = kill_consumers(redis_url, 200, "ours")
    assert tally["vanished"] == 0
    assert tally["strange_tags"] == 0
    assert tally["kills"] == 200
    # Most died while they held something: the kills hit what they are meant for.
    assert tally["holding"] > 100


@pytest.mark.timeout(450)
def test_the_same_kills_make_stock_kombu_lose_some(redis_url: str) -> None:
    # Usually some of the first fifty do.
    assert kill_consumers(redis_url, 400, "stock")["vanished"] > 0
