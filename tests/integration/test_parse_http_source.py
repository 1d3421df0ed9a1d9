"""The HTTP source against a real web site: what is an answer, and what means that nobody is there."""

from __future__ import annotations

import asyncio
import gzip
import threading
import time
from collections.abc import Iterator

import pytest

from tests.integration.parse_site import Reply, Site, html
from windrow_apps.parse.errors import SourceUnavailable
from windrow_apps.parse.models import Answer
from windrow_apps.parse.settings import ParseSettings
from windrow_apps.parse.source import open_source


@pytest.fixture
def site() -> Iterator[Site]:
    with Site(html).running() as running:
        yield running


def fetch(source: str, *page_ids: int, parallelism: int = 4, page_seconds: float = 5) -> list[Answer]:
    settings = ParseSettings(
        source=source, parallelism=parallelism, page_seconds=page_seconds, page_bytes=4096
    )

    async def ask() -> list[Answer]:
        async with open_source(settings) as opened:
            return await asyncio.gather(*map(opened.fetch, page_ids))

    return asyncio.run(ask())


def test_a_page_comes_with_its_address_status_and_character_set(site: Site) -> None:
    (answer,) = fetch(site.url, 3)
    assert answer == Answer(site.url.replace("{id}", "3"), 200, html(3).body, "utf-8")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 451, 500])
def test_a_status_that_speaks_for_one_page_is_an_answer(site: Site, status: int) -> None:
    site.answer = lambda number: Reply(status, b"<p>sorry")
    (answer,) = fetch(site.url, 1)
    assert answer.status == status
    assert answer.problem
    assert answer.body == b""


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_status_that_speaks_for_the_source_means_not_now(site: Site, status: int) -> None:
    site.answer = lambda number: Reply(status)
    with pytest.raises(SourceUnavailable, match=str(status)):
        fetch(site.url, 1)


def test_a_refused_connection_is_an_unreachable_source() -> None:
    with Site(html).running() as site:
        gone = site.url
    with pytest.raises(SourceUnavailable):
        fetch(gone, 1)


def test_a_page_that_never_ends_is_given_up_after_its_time(site: Site) -> None:
    over = threading.Event()

    def hang(number: int) -> Reply:
        over.wait(10)
        return html(number)

    site.answer = hang
    try:
        with pytest.raises(SourceUnavailable, match=r"not read within 0\.2 s|Timeout"):
            fetch(site.url, 1, page_seconds=0.2)
    finally:
        over.set()


def test_a_body_that_is_cut_off_is_not_taken_for_the_whole(site: Site) -> None:
    site.answer = lambda number: Reply(body=b"x" * 100, cut_after=50)
    with pytest.raises(SourceUnavailable):
        fetch(site.url, 1)


def test_a_connection_that_closes_without_an_answer_is_tried_once_more(site: Site) -> None:
    site.answer = lambda number: html(number) if site.hits[number] > 1 else Reply(cut_after=-1)
    (answer,) = fetch(site.url, 1)
    assert answer.status == 200
    assert site.hits[1] == 2


def test_a_redirect_within_the_site_is_followed(site: Site) -> None:
    site.answer = lambda number: Reply(301, headers={"Location": "/2"}) if number == 1 else html(number)
    (answer,) = fetch(site.url, 1)
    assert (answer.url, answer.body) == (site.url.replace("{id}", "2"), html(2).body)


def test_a_redirect_to_another_service_is_recorded_and_not_followed(site: Site) -> None:
    with Site(html).running() as other:
        target = other.url.replace("{id}", "1")
        site.answer = lambda number: Reply(302, headers={"Location": target})
        (answer,) = fetch(site.url, 1)
        assert not other.hits
    assert (answer.status, answer.body) == (302, b"")
    assert answer.problem is not None
    assert "another site" in answer.problem


def test_a_redirect_that_goes_round_in_circles_ends(site: Site) -> None:
    site.answer = lambda number: Reply(302, headers={"Location": f"/{number}"})
    (answer,) = fetch(site.url, 1)
    assert answer.problem == "too many redirects"
    assert site.hits[1] == 6


def test_what_is_not_html_is_not_read(site: Site) -> None:
    site.answer = lambda number: Reply(body=b"%PDF", headers={"Content-Type": "application/pdf"})
    (answer,) = fetch(site.url, 1)
    assert answer.problem == "not HTML: application/pdf"


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "a small body that unpacks to a long one"])
def test_a_page_over_the_limit_is_not_read_to_its_end(site: Site, packed: bool) -> None:
    body = b"x" * 5_000_000
    site.answer = lambda number: (
        Reply(body=gzip.compress(body), headers={"Content-Encoding": "gzip"}) if packed else Reply(body=body)
    )
    (answer,) = fetch(site.url, 1)
    assert (answer.body, answer.problem) == (b"", "longer than 4096 bytes")


def test_a_body_that_cannot_be_unpacked_is_an_answer(site: Site) -> None:
    site.answer = lambda number: Reply(body=b"not gzip", headers={"Content-Encoding": "gzip"})
    (answer,) = fetch(site.url, 1)
    assert answer.problem is not None
    assert answer.problem.startswith("the body cannot be decoded")


def test_no_more_requests_are_open_at_once_than_the_setting_says(site: Site) -> None:
    together = threading.Barrier(4)

    def meet(number: int) -> Reply:
        # Four must be under way for anyone to go on; a fifth would be seen in the peak.
        together.wait(5)
        return html(number)

    site.answer = meet
    assert len(fetch(site.url, *range(1, 21), parallelism=4)) == 20
    assert site.peak == 4


def test_waiting_for_a_turn_does_not_use_up_the_time_of_a_page(site: Site) -> None:
    def take_a_moment(number: int) -> Reply:
        time.sleep(0.25)
        return html(number)

    site.answer = take_a_moment
    assert len(fetch(site.url, *range(1, 13), parallelism=1, page_seconds=2)) == 12
