"""The routes of the summaries app on a real ledger: the literal surface, and what is refused."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from tests.integration.api.hands import TOKEN, WORKER
from tests.integration.api.running import RunningApi
from tests.integration.summaries.conftest import Tables
from windrow.core.job import Failure, NewJob, Outcome
from windrow.core.states import State
from windrow.core.task import Task
from windrow.dev.redis_server import RedisServer
from windrow.store import catalog
from windrow.store.accept import accept
from windrow.store.claim import claim
from windrow.store.finish import finish

TASKS = [
    Task("summaries.summarize", "default"),
    Task("summaries.import_feed", "default"),
    Task("other.task", "default"),
]
PROVIDERS = '[{"name": "one", "base_url": "http://127.0.0.1:9/v1", "model": "m-1"}, {"name": "local"}]'


@pytest.fixture(scope="module")
def api(module_tables: Tables, redis_server: RedisServer) -> Iterator[RunningApi]:
    patch = pytest.MonkeyPatch()
    patch.setenv("WINDROW_DATABASE_URL", module_tables.url)
    patch.setenv("WINDROW_SUMMARIES_PROVIDERS", PROVIDERS)
    patch.setenv("WINDROW_SUMMARIES_ARTICLE_CHARACTERS", "5000")
    # Open, and wants its key all the same.
    with RunningApi(
        module_tables.url, redis_server.url, apps=("summaries",), open_apps=("summaries",)
    ) as running:
        running.ledger.run(catalog.declare, TASKS, "main", "1", True)
        deadline = time.monotonic() + 20
        while len(running.client.get("/v1/tasks").json()["tasks"]) < len(TASKS):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield running
    patch.undo()


@pytest.fixture
def client(api: RunningApi, tables: Tables) -> Iterator[httpx.Client]:
    with api.client_with(None) as client:
        client.headers["X-API-Key"] = api.key
        yield client


def jobs(tables: Tables) -> int:
    (row,) = tables.rows("SELECT count(*) AS n FROM windrow.jobs")
    return int(row["n"])


def end(api: RunningApi, job_id: str, state: State, message: str = "") -> None:
    """What a worker does that cannot say a word to the app's tables."""
    now = time.monotonic()
    api.ledger.run(claim, [job_id], WORKER, TOKEN)
    failure = Failure("TimeLimitExceeded", message, traceback="") if message else None
    ended = Outcome(
        job_id, TOKEN, state, "failed", started_at=now, finished_at=now, failure=failure, counts=bool(message)
    )
    assert api.ledger.run(finish, [ended], WORKER).ids == {job_id}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/summarization/enqueue?article_id=123"),
        ("POST", "/api/summarization/enqueue-batch"),
        ("GET", "/api/summarization/status/summarize_1_1"),
        ("GET", "/api/summarization/queue-info"),
        ("POST", "/api/articles"),
        ("GET", "/api/articles/1"),
        ("POST", "/api/articles/import?feed_url=https://f.test/"),
    ],
)
def test_every_route_wants_its_key_in_its_own_header(api: RunningApi, method: str, path: str) -> None:
    with api.client_with(api.key) as other:
        assert other.request(method, path).status_code == 401
        assert other.request(method, path, headers={"X-API-Key": "wrk_no_no"}).status_code == 401


def test_an_article_is_kept_and_read(client: httpx.Client) -> None:
    article = {"title": "T", "text": "One. Two.", "language": "en", "url": "https://a.test/1"}
    added = client.post("/api/articles", json=article)
    assert added.status_code == 201
    body = added.json()
    assert added.headers["Location"] == f"/api/articles/{body['id']}"
    assert body["characters"] == 9
    read = client.get(added.headers["Location"]).json()
    assert {name: read[name] for name in article} == article
    assert (read["job_id"], read["status"], read["summary"]) == (None, None, None)


@pytest.mark.parametrize(("named", "shown"), [(None, "fr"), ("en", "en")])
def test_an_article_shows_the_language_that_its_summary_found(
    client: httpx.Client, tables: Tables, named: str | None, shown: str
) -> None:
    article = tables.article(language=named)
    assert client.get(f"/api/articles/{article}").json()["language"] == named
    tables.rows(
        "INSERT INTO summaries.summaries (job_id, article_id, status, summary, language)"
        " VALUES ('s-1', %s, 'OK', 'Une phrase.', 'fr')",
        article,
    )
    assert client.get(f"/api/articles/{article}").json()["language"] == shown


@pytest.mark.parametrize(
    "body",
    [
        {"title": "T", "text": ""},
        {"title": "T", "text": " \n "},
        {"title": "", "text": "x"},
        {"title": "T", "text": "a\0b"},
        {"title": "T", "text": "x" * 5001},
        {"title": "T" * 501, "text": "x"},
        {"title": "T", "text": 5},
        {"title": "T"},
        {"title": "T", "text": "x", "language": "English"},
        {"title": "T", "text": "x", "url": "javascript:alert(1)"},
        {"title": "T", "text": "x", "more": 1},
        [],
    ],
)
def test_an_article_that_cannot_be_is_refused_and_not_kept(
    client: httpx.Client, tables: Tables, body: Any
) -> None:
    assert client.post("/api/articles", json=body).status_code == 422
    assert tables.rows("SELECT * FROM summaries.articles") == []


def test_half_a_surrogate_pair_is_no_text(client: httpx.Client) -> None:
    body = b'{"title": "T", "text": "\\ud800"}'
    assert (
        client.post("/api/articles", content=body, headers={"Content-Type": "application/json"}).status_code
        == 422
    )


def test_one_summary_is_asked_for_and_seen(client: httpx.Client, tables: Tables) -> None:
    article = tables.article()
    before = int(time.time())
    answer = client.post(f"/api/summarization/enqueue?article_id={article}&priority=7")
    assert answer.status_code == 202
    body = answer.json()
    job = body.pop("job_id")
    found = re.fullmatch(rf"summarize_{article}_(\d+)", job)
    assert found is not None
    assert before <= int(found[1]) <= time.time() + 20
    assert body == {"article_id": article, "status": "PENDING", "message": "Summarization has been queued"}
    assert answer.headers["Location"] == f"/api/summarization/status/{job}"
    status = client.get(answer.headers["Location"]).json()
    assert datetime.fromisoformat(status.pop("created_at")).astimezone(UTC).timestamp() >= before - 5
    assert status == {
        "job_id": job,
        "article_id": article,
        "status": "PENDING",
        "state": "PENDING",
        "failures": 0,
    }
    (row,) = tables.rows("SELECT task, priority FROM windrow.jobs WHERE id = %s", job)
    assert row == {"task": "summaries.summarize", "priority": 7}


def test_the_same_article_at_the_same_moment_is_a_job_each_time(client: httpx.Client, tables: Tables) -> None:
    article = tables.article()
    ids = [client.post(f"/api/summarization/enqueue?article_id={article}").json()["job_id"] for _ in range(4)]
    assert len(set(ids)) == 4


def test_a_callers_own_id_is_the_same_job_each_time(client: httpx.Client, tables: Tables) -> None:
    article = tables.article()
    path = f"/api/summarization/enqueue?article_id={article}&job_id=summarize_{article}_1692345678"
    kept = jobs(tables)
    answers = [client.post(path) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert {answer.json()["job_id"] for answer in answers} == {f"summarize_{article}_1692345678"}
    assert jobs(tables) == kept + 1


def test_a_batch_is_a_job_for_each_article(client: httpx.Client, tables: Tables) -> None:
    ids = [tables.article() for _ in range(3)]
    answer = client.post("/api/summarization/enqueue-batch?priority=2", json=[*ids, ids[0]])
    assert answer.status_code == 202
    body = answer.json()
    assert body["queued"] == 3
    assert [job["article_id"] for job in body["jobs"]] == ids
    rows = tables.rows("SELECT job_id, article_id, status FROM summaries.summaries ORDER BY article_id")
    assert [(row["job_id"], row["article_id"], row["status"]) for row in rows] == [
        (job["job_id"], job["article_id"], "PENDING") for job in body["jobs"]
    ]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("article_id=999999", 404),
        ("article_id=9223372036854775807", 404),
        ("article_id=9223372036854775808", 422),
        ("article_id=0", 422),
        ("article_id=-1", 422),
        ("article_id=abc", 422),
        ("article_id=1.5", 422),
        ("article_id=", 422),
        ("", 422),
        ("article_id={id}&priority=10", 422),
        ("article_id={id}&priority=high", 422),
        ("article_id={id}&job_id=mine", 422),
        ("article_id={id}&job_id=summarize_{id}_", 422),
        ("article_id={id}&job_id=summarize_{id}_12x", 422),
        ("article_id={id}&job_id=summarize_{id}_1%0A", 422),
        ("article_id={id}&job_id=summarize_{id}7_1692345678", 409),
    ],
)
def test_a_wish_that_cannot_be_is_refused_and_nothing_stored(
    client: httpx.Client, tables: Tables, query: str, status: int
) -> None:
    kept = jobs(tables)
    answer = client.post(f"/api/summarization/enqueue?{query.format(id=tables.article())}")
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    if status == 404:
        assert answer.json()["detail"].startswith("There is no article 9")
    assert jobs(tables) == kept
    assert tables.rows("SELECT * FROM summaries.summaries") == []


def test_another_tasks_job_is_not_taken_for_a_summary(
    client: httpx.Client, api: RunningApi, tables: Tables
) -> None:
    article = tables.article()
    job = f"summarize_{article}_77"
    api.ledger.run(accept, [NewJob(id=job, task="other.task", input="[[], {}]", queue="default")], False)
    assert client.post(f"/api/summarization/enqueue?article_id={article}&job_id={job}").status_code == 409
    assert client.get(f"/api/summarization/status/{job}").status_code == 404
    assert tables.rows("SELECT * FROM summaries.summaries") == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ([], 422),
        (list(range(1, 1002)), 422),
        (["1"], 422),
        ([1.5], 422),
        ([True], 422),
        ([None], 422),
        ([0], 422),
        ([2**63], 422),
        ({"ids": [1]}, 422),
        (7, 422),
        ("{good}", 404),
    ],
)
def test_a_batch_that_cannot_be_is_refused_as_a_whole(
    client: httpx.Client, tables: Tables, body: Any, status: int
) -> None:
    kept = jobs(tables)
    whole = [tables.article(), 999_999] if body == "{good}" else body
    assert client.post("/api/summarization/enqueue-batch", json=whole).status_code == status
    assert jobs(tables) == kept
    assert tables.rows("SELECT * FROM summaries.summaries") == []


def test_a_thousand_at_once_are_taken(client: httpx.Client, tables: Tables) -> None:
    tables.rows("INSERT INTO summaries.articles (title, text) SELECT 'T', 'x' FROM generate_series(1, 1000)")
    ids = [row["id"] for row in tables.rows("SELECT id FROM summaries.articles ORDER BY id")]
    assert client.post("/api/summarization/enqueue-batch", json=ids).json()["queued"] == 1000


@pytest.mark.parametrize(
    ("job_id", "status"),
    [("summarize_1_1", 404), ("summarize_9999999999999999999_1", 404), ("mine", 422), ("summarize_0_1", 422)],
)
def test_a_status_of_nothing(client: httpx.Client, job_id: str, status: int) -> None:
    assert client.get(f"/api/summarization/status/{job_id}").status_code == status
    assert client.get("/api/summarization/nothing").json()["detail"] == "There is nothing at this path"


def test_a_job_that_was_killed_is_failed_for_whoever_looks(
    client: httpx.Client, api: RunningApi, tables: Tables
) -> None:
    ids = [
        client.post(f"/api/summarization/enqueue?article_id={tables.article()}").json()["job_id"]
        for _ in range(3)
    ]
    end(api, ids[0], State.FAILED, "300 s were over")
    api.client.post(f"/v1/jobs/{ids[1]}:cancel")
    seen = client.get(f"/api/summarization/status/{ids[0]}").json()
    assert (seen["status"], seen["state"]) == ("FAILED", "FAILURE")
    assert "300 s were over" in seen["error"]
    # Those at whom nobody looks are found when the numbers are asked for, once they are old enough.
    assert client.get("/api/summarization/queue-info").json()["failed"] == 1
    tables.rows("UPDATE summaries.summaries SET created_at = created_at - interval '1 hour'")
    info = client.get("/api/summarization/queue-info").json()
    assert (info["queued"], info["failed"]) == (1, 2)


def test_all_of_it_in_numbers(client: httpx.Client, tables: Tables) -> None:
    article = tables.article()
    tables.rows(
        "INSERT INTO summaries.summaries (job_id, article_id, status, running_since) VALUES "
        "('a', %s, 'PENDING', NULL), ('b', %s, 'PENDING', now()), ('c', %s, 'OK', NULL), ('d', %s, 'FAILED', NULL)",
        *[article] * 4,
    )
    tables.rows(
        "INSERT INTO summaries.calls (day, provider, outcome, calls) VALUES "
        "('2026-01-01', 'one', 'ok', 3), ('2026-01-02', 'one', 'ok', 4), ('2026-01-02', 'local', 'ok', 1)"
    )
    tables.rows("INSERT INTO summaries.budget VALUES ((clock_timestamp() AT TIME ZONE 'UTC')::date, 1500)")
    tables.rows(
        "INSERT INTO summaries.providers (name, tokens, failures, open_until) "
        "VALUES ('one', 1, 5, clock_timestamp() + interval '50 s')"
    )
    info = client.get("/api/summarization/queue-info").json()
    one, local = info.pop("providers")
    assert info == {
        "queued": 1,
        "running": 1,
        "finished": 1,
        "failed": 1,
        "by_provider": {"one": {"ok": 7}, "local": {"ok": 1}},
        "budget": {"daily": 1_000_000, "used": 1500, "left": 998_500},
    }
    assert 0 < one.pop("open_for") <= 50
    assert one == {"name": "one", "model": "m-1", "breaker": "open", "blocked_for": 0, "failures_in_a_row": 5}
    assert (local["name"], local["breaker"], local["model"]) == ("local", "closed", None)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://f.test/",
        "file:///etc/passwd",
        "http://127.0.0.1/feed",
        "http://localhost/feed",
        "http://169.254.169.254/latest",
        "http://[::1]/",
        "https://user:pw@f.test/",
        "feed",
        "",
    ],
)
def test_a_feed_that_may_not_be_asked_is_refused(client: httpx.Client, tables: Tables, url: str) -> None:
    kept = jobs(tables)
    answer = client.post("/api/articles/import", params={"feed_url": url})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "?feed_url"
    assert jobs(tables) == kept


def test_an_import_is_a_job(client: httpx.Client, tables: Tables) -> None:
    answer = client.post("/api/articles/import", params={"feed_url": "https://f.test/rss?a=1&b=2"})
    assert answer.status_code == 202
    assert answer.json()["status"] == "queued"
    assert answer.headers["Location"] == f"/v1/jobs/{answer.json()['task_id']}"
