"""What every route does with a query that it does not take, what HEAD gets, and what the paths of absent apps say."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Response
from fastapi.responses import StreamingResponse
from fastapi.routing import iter_route_contexts

from windrow.api.app import create_app
from windrow.api.direct import LaneApi
from windrow.api.queries import flaws_of
from windrow.api.settings import ApiSettings
from windrow.apps import DEFAULT_APPS, find_app

ALL = tuple(DEFAULT_APPS.split(","))
#: Asked by probes and Prometheus, which may bring parameters of their own.
UNCHECKED = {"/livez", "/readyz", "/metrics"}
UUID = "0198d2c0-0000-7000-8000-000000000001"


@pytest.fixture(autouse=True)
def _stores_of_apps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINDROW_DATABASE_URL", "postgresql://127.0.0.1:9/x")
    monkeypatch.setenv("WINDROW_REDIS_URL", "redis://127.0.0.1:9/0")


def made(*apps: str) -> FastAPI:
    """An API without keys, of these apps, that was never started: its stores would not answer."""
    return create_app(
        ApiSettings(
            database_url="postgresql://127.0.0.1:9/x",
            redis_url="redis://127.0.0.1:9/0",
            api_auth=False,
            apps=apps,
        )
    )


def ask(app: FastAPI, *requests: tuple[str, str]) -> list[httpx.Response]:
    """The answers to these (method, path)s."""

    async def all_of_them() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://x", timeout=30) as client:
            return [await client.request(method, path) for method, path in requests]

    return asyncio.run(all_of_them())


def operations(app: FastAPI) -> Iterator[tuple[str, str]]:
    """(method, path) of every documented route, with an id for each parameter."""
    for route in iter_route_contexts(app.routes):
        if route.methods and getattr(route, "include_in_schema", False) and route.path not in UNCHECKED:
            path = str(route.path_format).replace("{todo_id}", "1")
            yield next(iter(route.methods)), re.sub(r"\{[^}]+\}", UUID, path)


def test_every_route_refuses_a_query_parameter_that_it_does_not_take() -> None:
    app = made(*ALL)
    requests = list(operations(app))
    assert len(requests) > 50
    asked = [(method, f"{path}?windrow_x=1") for method, path in requests]
    for request, answer in zip(asked, ask(app, *asked), strict=True):
        assert answer.status_code == 422, (request, answer.text)
        assert answer.json()["errors"][0]["pointer"] == "?windrow_x", request


def test_a_misspelt_one_and_one_given_twice_are_told_with_the_way_out() -> None:
    app = made(*ALL)
    near, twice, none, lane, several = ask(
        app,
        ("GET", "/tasks?limt=5"),
        ("GET", "/tasks?limit=5&limit=6"),
        ("GET", "/tasks/statistics?year=2026"),
        ("POST", "/v1/jobs?queue=x"),
        ("GET", "/tasks?colour=red&page=1&page=2&seite=3"),
    )
    assert near.json()["errors"] == [
        {
            "pointer": "?limt",
            "message": "There is no query parameter 'limt' here",
            "fix": "Did you mean `limit`?",
        }
    ]
    assert twice.json()["errors"][0]["message"] == "It is given 2 times"
    assert none.json()["errors"][0]["fix"] == "Remove it: this path takes none"
    assert (lane.status_code, lane.json()["errors"][0]["pointer"]) == (422, "?queue")
    assert [flaw["pointer"] for flaw in several.json()["errors"]] == ["?colour", "?page", "?seite"]


def test_a_list_may_be_given_several_times_and_names_are_shown_short() -> None:
    known = {"state": True, "limit": False}
    assert flaws_of([("state", "queued"), ("state", "running"), ("limit", "1")], known) == []
    (flaw,) = flaws_of([("x" * 5000, "")], known)
    assert len(flaw.message) < 200
    # A filter of /v1 that is a list, through the application: the ledger is away, the query was taken.
    (answer,) = ask(made(), ("GET", "/v1/jobs?state=queued&state=running"))
    assert answer.status_code in (500, 503), answer.text


@pytest.mark.parametrize("name", ALL)
def test_an_app_that_is_off_is_named_by_each_of_its_paths(name: str) -> None:
    app = made(*(other for other in ALL if other != name))
    requests = [
        (method, re.sub(r"\{[^}]+\}", "7" if "todo_id" in path else UUID, path))
        for methods, path in (taken.split(" ") for taken in find_app(name).paths)
        for method in methods.split(",")
    ]
    for request, answer in zip(requests, ask(app, *requests), strict=True):
        assert answer.status_code == 404, (request, answer.text)
        assert f"The app `{name}`" in answer.json()["detail"], request
        assert "WINDROW_APPS" in answer.json()["detail"]


@pytest.mark.parametrize("name", ALL)
def test_the_paths_that_an_app_names_are_those_that_it_takes(name: str) -> None:
    own = {
        (method, re.sub(r":\w+\}", "}", str(route.path)))
        for route in iter_route_contexts(made(name).routes)
        if getattr(route, "include_in_schema", False)
        and str(getattr(route.endpoint, "__module__", "")).startswith(f"windrow_apps.{name}.")
        for method in route.methods or ()
    }
    named = {
        (method, re.sub(r":\w+\}", "}", path))
        for methods, path in (taken.split(" ") for taken in find_app(name).paths)
        for method in methods.split(",")
    }
    assert named == own


def test_a_slash_at_the_end_is_told_and_not_redirected_to_the_callers_host() -> None:
    app = made(*ALL)
    for method, path, right in (
        ("POST", "/tasks/", "/tasks"),
        ("GET", f"/v1/jobs/{UUID}/", f"/v1/jobs/{UUID}"),
        ("POST", "/process//", "/process"),
    ):
        (answer,) = ask(app, (method, path))
        assert answer.status_code == 404, answer.text
        assert "location" not in answer.headers
        assert f"it is {right}, without the slash" in answer.json()["detail"]
    assert ask(app, ("GET", "/nothing/"))[0].json()["detail"] == "There is nothing at this path"


def test_head_is_get_without_its_body() -> None:
    app = made(*ALL)
    requests = [(method, path) for path in ("/livez", "/docs", "/") for method in ("GET", "HEAD")]
    answers = ask(app, *requests)
    for got, head in zip(answers[::2], answers[1::2], strict=True):
        assert (got.status_code, head.status_code) == (200, 200)
        assert head.content == b""
        assert head.headers == got.headers
    refused, absent = ask(app, ("HEAD", "/v1/jobs"), ("HEAD", "/nothing"))
    assert absent.status_code == 404
    assert refused.status_code in (500, 503), "its ledger is away, and it is asked all the same"
    (wrong,) = ask(app, ("PUT", "/v1/jobs"))
    assert wrong.headers["Allow"] == "GET, HEAD, POST"


def test_head_of_a_stream_that_never_ends_is_answered_and_ends_it() -> None:
    ended: list[str] = []

    async def endless() -> Any:
        try:
            while True:
                yield b"data\n"
                await asyncio.sleep(0.01)
        finally:
            ended.append("yes")

    app = LaneApi()

    @app.get("/stream")
    async def stream() -> Response:
        return StreamingResponse(endless())

    (answer,) = ask(app, ("HEAD", "/stream"))
    assert (answer.status_code, answer.content) == (200, b"")
    assert ended == ["yes"]
