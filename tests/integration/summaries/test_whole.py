"""The summaries app with a real worker and beat: a feed comes in, models misbehave, summaries come out."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.api.running import RunningApi
from tests.integration.summaries.conftest import KEY, Tables
from tests.support.feed_site import feed_site
from tests.support.llm_server import LlmServer, breaks_off, refuses, well
from tests.support.processes import Doors
from windrow.dev.guard import Guard
from windrow.dev.redis_server import RedisServer

TEXTS = Path(__file__).parents[2] / "support" / "texts"


class Whole:
    """The app, its API, a worker and a beat."""

    def __init__(self, api: RunningApi, client: httpx.Client, llm: LlmServer, doors: Doors) -> None:
        self.api = api
        self.client = client
        self.llm = llm
        self.doors = doors

    def article(self, text: str) -> int:
        answer = self.client.post("/api/articles", json={"title": "T", "text": text})
        assert answer.status_code == 201, answer.text
        return int(answer.json()["id"])

    def status(self, job_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client.get(f"/api/summarization/status/{job_id}").json()
        return found

    def until(self, met: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 50
        while not met():
            assert time.monotonic() < deadline, "\n".join(door.log()[-4000:] for door in self.doors.started())
            time.sleep(0.1)


@pytest.fixture(scope="module")
def whole(
    module_tables: Tables,
    module_llm: LlmServer,
    redis_server: RedisServer,
    guard: Guard,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Whole]:
    providers = [
        {"name": name, "base_url": module_llm.base_url, "model": f"m-{name}", "key_env": "LLM_KEY"}
        for name in ("a", "b")
    ]
    folder = tmp_path_factory.mktemp("summaries")
    env = {
        "WINDROW_DATABASE_URL": module_tables.url,
        "WINDROW_REDIS_URL": redis_server.url,
        "WINDROW_APPS": "summaries",
        "WINDROW_SUMMARIES_PROVIDERS": json.dumps(providers),
        "WINDROW_SUMMARIES_RETRY_SECONDS": "0.2",
        "WINDROW_SUMMARIES_MAX_FAILURES": "2",
        "WINDROW_OUTBOUND_NETWORKS": "127.0.0.0/8",
    }
    patch = pytest.MonkeyPatch()
    for name, value in env.items():
        patch.setenv(name, value)
    doors = Doors(guard, {**env, "LLM_KEY": KEY, "TMPDIR": str(folder), "WINDROW_PROMOTE_SECONDS": "0.5"})
    module_tables.clear()
    doors.start("worker", "-c", "1", timeout=50)
    doors.start("beat", f"--pidfile={folder / 'beat.pid'}")
    with RunningApi(module_tables.url, redis_server.url, apps=("summaries",)) as api:
        with api.client_with(None) as client:
            client.headers["X-API-Key"] = api.key
            yield Whole(api, client, module_llm, doors)
        assert not [door.name for door in doors.started() if KEY in door.log()]
    doors.close()
    patch.undo()


@pytest.mark.timeout(150)
def test_a_feed_becomes_articles_and_each_a_summary(whole: Whole, module_tables: Tables) -> None:
    whole.llm.behave(well("What it says."))
    items = [(path.stem, path.read_text("utf-8")) for path in sorted(TEXTS.glob("*.txt"))]
    with feed_site(items) as url:
        for new in (3, 0):
            task = whole.client.post("/api/articles/import", params={"feed_url": url}).json()["task_id"]
            job: dict[str, Any] = {}

            def done(task: str = task, job: dict[str, Any] = job) -> bool:
                job.update(whole.api.client.get(f"/v1/jobs/{task}").json())
                return bool(job["state"] == "succeeded")

            whole.until(done)
            result = whole.api.client.get(f"/v1/jobs/{task}/result").json()
            assert (result["entries"], result["new"]) == (3, new)
    ids = [row["id"] for row in module_tables.rows("SELECT id FROM summaries.articles ORDER BY id")]
    batch = whole.client.post("/api/summarization/enqueue-batch", json=ids).json()
    whole.until(lambda: whole.client.get("/api/summarization/queue-info").json()["finished"] == 3)
    seen = [whole.status(each["job_id"]) for each in batch["jobs"]]
    assert {(each["status"], each["state"], each["summary"]) for each in seen} == {
        ("OK", "SUCCESS", "What it says.")
    }
    assert {each["language"] for each in seen} == {"en", "de", "fr"}


@pytest.mark.timeout(120)
def test_a_job_whose_providers_all_refuse_waits_in_the_ledger_and_is_written_later(whole: Whole) -> None:
    whole.llm.behave(
        refuses(429, Retry_After="2"), refuses(429, Retry_After="2"), breaks_off, well("At last.")
    )
    article = whole.article("A text of one sentence.")
    job = whole.client.post(f"/api/summarization/enqueue?article_id={article}&priority=9").json()["job_id"]
    states = set()

    def done() -> bool:
        found = whole.status(job)
        states.add(found["state"])
        return bool(found["status"] != "PENDING")

    whole.until(done)
    found = whole.status(job)
    assert (found["status"], found["summary"], found["provider"], found["failures"]) == (
        "OK",
        "At last.",
        "b",
        0,
    )
    assert "RETRY" in states
    assert [asked.body["model"] for asked in whole.llm.asked] == ["m-a", "m-b", "m-a", "m-b"]
    attempts = whole.api.client.get(f"/v1/jobs/{job}/attempts").json()
    assert len(attempts["attempts"]) >= 2
    counts = whole.client.get("/api/summarization/queue-info").json()["by_provider"]
    assert counts["a"]["busy"] == 1
    assert counts["a"]["truncated"] == 1
    read = whole.client.get(f"/api/articles/{article}").json()
    assert (read["status"], read["summary"], read["job_id"]) == ("OK", "At last.", job)


@pytest.mark.timeout(120)
def test_a_summary_that_nobody_can_write_is_failed_in_both_places(whole: Whole) -> None:
    whole.llm.behave(refuses(500))
    job = whole.client.post(f"/api/summarization/enqueue?article_id={whole.article('A text.')}").json()[
        "job_id"
    ]
    whole.until(lambda: whole.status(job)["status"] == "FAILED")
    whole.until(lambda: whole.status(job)["state"] == "FAILURE")
    found = whole.status(job)
    assert found["failures"] == 2
    assert found["error"] == "a answered 500; b answered 500"
