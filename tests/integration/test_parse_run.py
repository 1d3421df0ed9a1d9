"""A parse run on a real web site and a real PostgreSQL: what is recorded, and how it goes on after a fault."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import psycopg
import pytest
from celery.exceptions import Retry
from celery.signals import task_retry
from psycopg.rows import dict_row

from tests.integration.parse_site import Reply, Site, html
from tests.support.pgbouncer_server import PgBouncerServer
from tests.support.processes import Doors
from windrow.public import BoundedConnection
from windrow_apps.parse.app import SPEC
from windrow_apps.parse.models import Summary
from windrow_apps.parse.run import parse_range
from windrow_apps.parse.settings import ParseSettings, settings
from windrow_apps.parse.store import PageStore
from windrow_apps.parse.tasks import MAX_RETRIES, RETRY_CAP_SECONDS, pages

BATCH = 10
RUN = "run-1"


@pytest.fixture
def site() -> Iterator[Site]:
    with Site(html).running() as running:
        yield running


@pytest.fixture
def database(database_url: str) -> str:
    files = sorted(resources.files(SPEC.migrations or "").iterdir(), key=lambda file: file.name)
    # Twice: each upgrade of a release runs them all again.
    for file in [file for file in files if file.name.endswith(".sql")] * 2:
        with psycopg.connect(database_url) as connection:
            connection.execute(file.read_text("utf-8").encode())
    return database_url


@pytest.fixture
def env(database: str, site: Site, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment of a worker, here and for processes of a test's own."""
    values = {
        "WINDROW_DATABASE_URL": database,
        "WINDROW_PARSE_SOURCE": site.url,
        "WINDROW_PARSE_BATCH_PAGES": str(BATCH),
        "WINDROW_PARSE_PARALLELISM": "4",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return values


@pytest.fixture
def retries() -> Iterator[list[Retry]]:
    """What Celery was asked to run again, and when; `pages.apply` runs it again at once."""
    seen: list[Retry] = []

    def note(reason: Retry, **_: Any) -> None:
        seen.append(reason)

    task_retry.connect(note)
    yield seen
    task_retry.disconnect(note)


def rows(database: str, run_id: str = RUN) -> dict[int, dict[str, Any]]:
    with psycopg.connect(database, row_factory=dict_row) as connection:
        found = connection.execute("SELECT * FROM parse.pages WHERE run_id = %s", [run_id]).fetchall()
    return {row["page_id"]: row for row in found}


def run(first: int, last: int, **changes: Any) -> Summary:
    changed = settings().model_copy(update=changes)
    return parse_range(RUN, range(first, last + 1), changed, lambda current, total: None)


def test_every_page_becomes_a_row_and_the_answer_counts_them(
    env: dict[str, str], database: str, site: Site
) -> None:
    reports: list[tuple[int, int]] = []
    summary = parse_range(RUN, range(5, 30), settings(), lambda *done: reports.append(done))
    assert summary == Summary(pages=25, read=25, missing=0, titles=25, headings=25, links=25, words=75)
    assert reports == [(0, 25), (10, 25), (20, 25), (25, 25)]
    recorded = rows(database)
    assert sorted(recorded) == list(range(5, 30))
    page = recorded[7]
    assert (page["title"], page["http_status"], page["problem"]) == ("Page 7", 200, None)
    assert page["headings"] == [{"level": 1, "text": "Heading 7"}]
    assert page["links"] == [site.url.replace("{id}", "8")]
    assert (page["words"], page["distinct_words"]) == (3, 3)
    assert page["url"] == site.url.replace("{id}", "7")


def test_a_missing_page_is_a_row_and_not_a_failed_job(env: dict[str, str], database: str, site: Site) -> None:
    site.answer = lambda number: Reply({2: 404, 3: 410, 4: 500}.get(number, 200), html(number).body)
    result = pages.apply(args=[1, 5], task_id=RUN)
    assert result.state == "SUCCESS"
    assert (result.result["pages"], result.result["read"], result.result["missing"]) == (5, 2, 2)
    recorded = rows(database)
    assert [recorded[number]["http_status"] for number in range(1, 6)] == [200, 404, 410, 500, 200]
    assert all(recorded[number]["problem"] for number in (2, 3, 4))


def test_what_postgres_cannot_store_does_not_stop_a_run(
    env: dict[str, str], database: str, tmp_path: Path
) -> None:
    for number, body in enumerate([b"<title>a\x00b</title><h1>&#0;&#xD800;</h1>", b"\xff\xfe\xfd", b""], 1):
        (tmp_path / f"{number}.html").write_bytes(body)
    assert run(1, 4, source=str(tmp_path)).pages == 4
    assert rows(database)[3]["problem"] == "the page is empty"


def test_a_second_run_of_the_same_job_fetches_only_what_is_not_recorded(
    env: dict[str, str], database: str, site: Site
) -> None:
    run(1, 10)
    assert run(1, 15).pages == 15
    assert [site.hits[number] for number in range(1, 16)] == [1] * 15


def test_another_job_fetches_its_pages_itself(env: dict[str, str], database: str, site: Site) -> None:
    run(1, 3)
    parse_range("run-2", range(1, 4), settings(), lambda current, total: None)
    assert (len(rows(database, "run-1")), len(rows(database, "run-2"))) == (3, 3)
    assert site.hits[1] == 2


def test_a_killed_run_goes_on_at_the_page_where_it_was_killed(
    env: dict[str, str], database: str, site: Site, doors: Doors
) -> None:
    reached, over = threading.Event(), threading.Event()

    def stuck_at_25(number: int) -> Reply:
        if number >= 25:
            reached.set()
            over.wait(20)
        return html(number)

    site.answer = stuck_at_25
    code = f"from windrow_apps.parse.tasks import pages; pages.apply(args=[1, 60], task_id={RUN!r})"
    process = doors.run("parse", [sys.executable, "-c", code], env=env)
    process.expect(reached.is_set)
    process.kill()
    over.set()
    before = rows(database)
    assert sorted(before) == list(range(1, 21)), "two batches of ten were committed, the third was not"

    site.answer = html
    asked_before = site.hits.copy()
    assert run(1, 60).pages == 60
    asked = site.hits - asked_before
    assert sorted(asked) == list(range(21, 61)), "only what was not recorded is fetched again"
    after = rows(database)
    assert {number: after[number] for number in before} == before


def test_pages_that_arrived_are_kept_when_the_source_goes_away(
    env: dict[str, str], database: str, site: Site, retries: list[Retry]
) -> None:
    site.answer = lambda number: Reply(503) if number == 17 and site.hits[17] == 1 else html(number)
    saved_at_retry: list[int] = []

    def look(**_: Any) -> None:
        saved_at_retry.extend(sorted(rows(database)))

    task_retry.connect(look)
    try:
        result = pages.apply(args=[1, 40], task_id=RUN)
    finally:
        task_retry.disconnect(look)
    assert (result.state, result.get()["pages"]) == ("SUCCESS", 40)
    assert [str(reason.exc) for reason in retries] == [
        f"{site.url.replace('{id}', '17')} answered 503 Service Unavailable"
    ]
    assert saved_at_retry == [*range(1, 17), *range(18, 21)]
    assert [site.hits[number] for number in range(1, 41)] == [2 if n == 17 else 1 for n in range(1, 41)]


@pytest.mark.parametrize("away", ["source", "database"])
def test_a_source_or_database_that_stays_away_fails_the_job_after_bounded_retries(
    env: dict[str, str], monkeypatch: pytest.MonkeyPatch, retries: list[Retry], away: str
) -> None:
    with Site(html).running() as ended:
        nobody = ended.url
    if away == "source":
        monkeypatch.setenv("WINDROW_PARSE_SOURCE", nobody)
    else:
        address = nobody.removeprefix("http://").removesuffix("/{id}")
        monkeypatch.setenv("WINDROW_DATABASE_URL", f"postgresql://u:very-secret@{address}/d")
    result = pages.apply(args=[1, 2], task_id=RUN)
    assert result.state == "FAILURE"
    assert (
        type(result.result).__name__
        == {
            "source": "SourceUnavailable",
            "database": "OperationalError",
        }[away]
    )
    assert len(retries) == MAX_RETRIES
    assert all(0 <= reason.when <= RETRY_CAP_SECONDS for reason in retries)
    assert "very-secret" not in str(result.result)


def test_a_source_that_is_not_set_fails_at_once_and_says_what_to_set(
    env: dict[str, str], monkeypatch: pytest.MonkeyPatch, retries: list[Retry]
) -> None:
    monkeypatch.delenv("WINDROW_PARSE_SOURCE")
    result = pages.apply(args=[1, 2])
    assert result.state == "FAILURE"
    assert "WINDROW_PARSE_SOURCE" in str(result.result)
    assert retries == []


@pytest.mark.parametrize(("first", "last"), [(2, 1), (0, 5), (1, 10**13), (1, 100_000)])
def test_a_range_that_cannot_be_fails_at_once_also_when_submitted_past_the_route(
    env: dict[str, str], site: Site, retries: list[Retry], first: int, last: int
) -> None:
    result = pages.apply(args=[first, last])
    assert (result.state, type(result.result).__name__) == ("FAILURE", "InvalidRange")
    assert retries == []
    assert not site.hits


def test_two_runs_of_one_job_at_once_end_with_each_page_once(
    env: dict[str, str], database: str, site: Site
) -> None:
    # A worker that was taken for dead may still be at it.
    async def both() -> list[Summary]:
        return await asyncio.gather(*(asyncio.to_thread(run, 1, 100) for _ in range(2)))

    assert [summary.pages for summary in asyncio.run(both())] == [100, 100]
    assert sorted(rows(database)) == list(range(1, 101))


def test_a_run_works_through_pgbouncer_in_transaction_mode(
    env: dict[str, str], database: str, pgbouncer: PgBouncerServer
) -> None:
    through = ParseSettings.model_validate(
        {**settings().model_dump(), "WINDROW_DATABASE_URL": pgbouncer.through(database)}
    )
    summary = parse_range(RUN, range(1, 26), through, lambda current, total: None)
    assert summary.pages == 25


def test_a_silent_network_ends_the_wait_of_a_run(
    env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WINDROW_PARSE_STATEMENT_SECONDS", "7")
    with PageStore(RUN, settings())._transaction() as connection:
        # Ended by this side, too: a server that cannot be reached ends no statement.
        assert isinstance(connection, BoundedConnection)
        assert connection.answer_timeout is not None
        found = connection.execute("SHOW statement_timeout").fetchone()
    assert found == {"statement_timeout": "7s"}
