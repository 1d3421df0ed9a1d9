"""The API as its own process."""

from __future__ import annotations

import os
import signal
import threading

import httpx
import pytest

from tests.integration.api.running import declare_tasks, make_key
from tests.support.processes import Doors
from windrow.dev.ports import free_port


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_process_cleanly_and_answers_who_waits(
    doors: Doors, database_url: str, signum: signal.Signals
) -> None:
    declare_tasks(database_url)
    port = free_port()
    door = doors.start("api", env={"WINDROW_API_PORT": str(port), "WINDROW_APPS": ""})
    headers = {"Authorization": f"Bearer {make_key(database_url, 'admin')}", "Prefer": "wait=50"}
    answers: list[httpx.Response] = []

    def wait() -> None:
        answers.append(
            httpx.post(
                f"http://127.0.0.1:{port}/v1/jobs",
                json={"task": "math.any", "tags": ["waiting"]},
                headers=headers,
                timeout=60,
                trust_env=False,
            )
        )

    thread = threading.Thread(target=wait)
    thread.start()
    door.expect(lambda: b"waiting" in _jobs(port, headers))
    os.kill(door.pid, signum)
    thread.join(20)
    assert [answer.status_code for answer in answers] == [202]
    door.expect(lambda: door.returncode is not None)
    assert door.returncode == 0


def _jobs(port: int, headers: dict[str, str]) -> bytes:
    url = f"http://127.0.0.1:{port}/v1/jobs"
    return httpx.get(url, headers=headers, timeout=20, trust_env=False).content
