"""Server-sent events: states and progress as they happen, and the thread taken up again."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx

from tests.integration.api.hands import Hands
from tests.integration.api.running import RunningApi


def events(response: httpx.Response) -> Iterator[dict[str, Any]]:
    """Each event as {"event", "id", "data"}; comments as {"comment"}."""
    event: dict[str, Any] = {}
    for line in response.iter_lines():
        if not line:
            if "event" in event or "comment" in event:
                yield event
            event = {}
        elif line.startswith(":"):
            event["comment"] = line
        else:
            name, _, value = line.partition(": ")
            event[name] = json.loads(value) if name == "data" else value


def test_a_stream_tells_states_and_progress_and_ends_with_the_job(api: RunningApi, hands: Hands) -> None:
    job_id = api.submit()
    seen: list[dict[str, Any]] = []
    with api.client.stream("GET", f"/v1/jobs/{job_id}/events") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        for event in events(response):
            if "comment" in event:
                continue
            seen.append(event)
            state = event["data"].get("state")
            if state == "queued":
                hands.run(job_id)
            elif state == "running":
                hands.report(job_id, '{"current": 1}')
            elif event["data"].get("value") == {"current": 1}:
                hands.report(job_id, '{"current": 2}', saved=False)
            elif event["data"].get("value") == {"current": 2}:
                hands.succeed(job_id)
    assert [(e["event"], e["data"]["state"]) for e in seen] == [
        ("state", "queued"),
        ("state", "running"),
        ("progress", "PROGRESS"),
        ("progress", "PROGRESS"),
        ("state", "succeeded"),
    ]
    assert len({e["id"] for e in seen}) == 5


def test_a_reader_who_comes_back_is_told_only_what_is_new(api: RunningApi, hands: Hands) -> None:
    job_id = api.submit()
    path = f"/v1/jobs/{job_id}/events"
    hands.run(job_id)
    hands.report(job_id, '{"n": 1}')
    with api.client.stream("GET", path) as response:
        reader = events(response)
        last = [next(reader), next(reader)][-1]["id"]
    hands.fail(job_id)
    with api.client.stream("GET", path, headers={"Last-Event-ID": last}) as response:
        rest = list(events(response))
    assert [(e["event"], e["data"]["state"], e["data"]["error"]["type"]) for e in rest] == [
        ("state", "failed", "ValueError")
    ]
    # Told to come no more: a browser would for ever.
    assert api.client.get(path, headers={"Last-Event-ID": rest[-1]["id"]}).status_code == 204
    assert len(list(events(api.client.get(path)))) == 1


def test_a_silent_stream_is_kept_open_by_comments_and_survives_a_lost_signal(
    api: RunningApi, hands: Hands
) -> None:
    job_id = api.submit()
    with api.client.stream("GET", f"/v1/jobs/{job_id}/events") as response:
        reader = events(response)
        assert next(reader)["data"]["state"] == "queued"
        assert "comment" in next(reader)
        hands.run(job_id)
        hands.succeed(job_id, told=False)
        states = [e["data"]["state"] for e in reader if "data" in e]
    assert states[-1] == "succeeded"


def test_streams_are_bounded_and_their_places_are_given_back(start_api: Any) -> None:
    api: RunningApi = start_api(api_streams_max=2)
    job_id = api.submit()
    path = f"/v1/jobs/{job_id}/events"
    with api.client.stream("GET", path) as one, api.client.stream("GET", path) as two:
        assert (one.status_code, two.status_code) == (200, 200)
        refused = api.client.get(path)
        assert (refused.status_code, refused.json()["type"]) == (429, "urn:windrow:problem:too-many-streams")
        assert "retry-after" in refused.headers
    deadline = time.monotonic() + 5
    while "windrow_event_streams 0.0" not in api.client.get("/metrics").text:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    with api.client.stream("GET", path) as response:
        assert response.status_code == 200


def test_a_stopping_server_ends_streams_and_waits(start_api: Any) -> None:
    api: RunningApi = start_api(api_wait_seconds=60)
    job_id = api.submit()
    answers: list[Any] = []

    def wait() -> None:
        answers.append(api.client.get(f"/v1/jobs/{job_id}", headers={"Prefer": "wait=60"}).json()["state"])

    def stream() -> None:
        with api.client.stream("GET", f"/v1/jobs/{job_id}/events") as response:
            answers.append(len([e for e in events(response) if "data" in e]))

    threads = [threading.Thread(target=wait), threading.Thread(target=stream)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 20
    while "windrow_event_streams 1.0" not in api.client.get("/metrics").text:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(1)  # Nothing shows a request that waits.
    api.stop()
    for thread in threads:
        thread.join(10)
    assert sorted(map(str, answers)) == ["1", "queued"]
