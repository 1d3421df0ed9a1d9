"""A body that does not arrive in time is a 408, wherever it is read; one that trickles in time is taken."""

from __future__ import annotations

import json
import socket
import time
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.integration.api.running import RunningApi

DEMO = "tests.integration.api.demo_app:SPEC"
BODY = json.dumps({"task": "math.any", "input": "x" * 100}).encode()


def send(api: RunningApi, path: str, length: int, *parts: bytes, method: str = "POST") -> bytes:
    """Everything that the server answers until it hangs up, or has said nothing for a while."""
    at = urlsplit(api.url)
    with socket.create_connection((at.hostname or "", at.port or 0), 10) as connection:
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {api.key}\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        connection.sendall(head.encode())
        for part in parts:
            connection.sendall(part)
            time.sleep(0.05)
        said = b""
        connection.settimeout(10)
        while chunk := connection.recv(65_536):
            said += chunk
            if b" 408 " not in said.split(b"\r\n", 1)[0]:
                break
    return said


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/jobs"),
        ("POST", "/v1/jobs:batchCreate"),
        ("POST", "/v1/schedules"),
        ("PUT", "/v1/schedules/s"),
        ("POST", "/demo"),
    ],
)
@pytest.mark.parametrize("parts", [(), (b"{", b'"task"')])
def test_a_body_that_does_not_come_is_408(
    slow_api: RunningApi, method: str, path: str, parts: tuple[bytes, ...]
) -> None:
    said = send(slow_api, path, 1_000, *parts, method=method)
    head, _, body = said.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 ")
    # What still comes belongs to no request.
    assert b"connection: close" in head.lower()
    problem = json.loads(body)
    assert problem["type"] == "urn:windrow:problem:too-slow"
    assert problem["errors"][0]["fix"]


def test_a_body_that_comes_in_pieces_is_taken(slow_api: RunningApi) -> None:
    said = send(slow_api, "/v1/jobs", len(BODY), BODY[:20], BODY[20:50], BODY[50:])
    assert said.startswith(b"HTTP/1.1 202 ")


def test_whoever_listens_for_longer_than_a_body_may_take_is_not_cut_off(slow_api: RunningApi) -> None:
    job_id = slow_api.submit()
    with slow_api.client.stream("GET", f"/v1/jobs/{job_id}/events") as stream:
        began = time.monotonic()
        for _ in stream.iter_lines():
            if time.monotonic() - began > 2 * slow_api.settings.api_body_seconds:
                break
        else:
            pytest.fail("the stream ended")


@pytest.fixture
def slow_api(start_api: Any) -> RunningApi:
    running: RunningApi = start_api(apps=(DEMO,), api_body_seconds=0.5)
    return running
