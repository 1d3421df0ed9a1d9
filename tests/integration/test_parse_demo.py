"""The offline source as a process, and the demo that submits a parse of it over HTTP."""

from __future__ import annotations

import asyncio
import io
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, Request, Response
from rich.console import Console

from tests.unit.apps.test_parse_routes import ID, JOB, OneJob
from windrow.apps import Job, State
from windrow_apps.parse.demo import run
from windrow_apps.parse.routes import router
from windrow_apps.parse.source_process import SourceProcess, start_source

KEY = "wk_test"


@pytest.fixture(scope="module")
def source() -> Iterator[SourceProcess]:
    os.environ["WINDROW_NOT_FOR_OTHERS"] = "a-secret-of-the-parent"
    try:
        with start_source() as source:
            yield source
    finally:
        del os.environ["WINDROW_NOT_FOR_OTHERS"]


def ask(source: SourceProcess, path: str) -> httpx.Response:
    return httpx.get(httpx.URL(source.url).copy_with(path=path), trust_env=False, timeout=20)


def test_pages_have_numbers_an_index_and_an_end(source: SourceProcess) -> None:
    index = ask(source, "/index.json").json()
    assert index["pages"] == len(index["names"]) > 300
    assert "<title>" in ask(source, f"/{index['names'].index('json') + 1}").text
    assert ask(source, f"/{index['pages'] + 1}").status_code == 404
    assert ask(source, "/0").status_code == 404
    assert "json.decoder" in ask(source, "/index").text


def test_a_page_links_to_others_by_module_name(source: SourceProcess) -> None:
    names = ask(source, "/index.json").json()["names"]
    answer = ask(source, "/json.html")
    assert answer.headers["Location"] == f"/{names.index('json') + 1}"
    assert ask(source, "/no.such.module.html").status_code == 404


def test_no_page_shows_the_environment(source: SourceProcess) -> None:
    names = ask(source, "/index.json").json()["names"]
    page = ask(source, f"/{names.index('os') + 1}").text
    assert "environ" in page
    assert "a-secret-of-the-parent" not in page


def test_a_source_ends_with_its_handle() -> None:
    source = start_source()
    assert source.process.poll() is None
    source.stop()
    assert source.process.poll() is not None
    with pytest.raises(httpx.ConnectError):
        ask(source, "/1")


def test_a_taken_port_is_an_error_and_not_a_source() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(RuntimeError, match="did not start"):
        start_source(taken.getsockname()[1])


class SteppingJobs(OneJob):
    """Jobs that are one step further each time they are looked at."""

    def __init__(self, *steps: Job) -> None:
        super().__init__()
        self._steps = list(steps)

    async def get(self, job_id: str) -> Job | None:
        if job_id != ID or not self.submitted:
            return None
        return self._steps.pop(0) if len(self._steps) > 1 else self._steps[0]


class Api:
    """The parse routes on a real port, open to whoever has the key."""

    def __init__(self, jobs: OneJob) -> None:
        app = FastAPI()
        app.include_router(router(jobs))

        @app.middleware("http")
        async def keyed(request: Request, call_next: Any) -> Response:
            if request.headers.get("Authorization") != f"Bearer {KEY}":
                return Response(status_code=401)
            answer: Response = await call_next(request)
            return answer

        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Api:
        self._thread.start()
        deadline = time.monotonic() + 10
        while not self._server.started and time.monotonic() < deadline:
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(10)
        self._listener.close()

    def _serve(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._listener]))


def show(jobs: OneJob, source_url: str, key: str | None = KEY) -> tuple[bool, str]:
    out = Console(file=io.StringIO(), width=160)
    with Api(jobs) as api:
        succeeded = run(api.url, key, out, source_url, flower_url="http://127.0.0.1:5555")
    assert isinstance(out.file, io.StringIO)
    return succeeded, out.file.getvalue()


def test_the_demo_parses_every_page_and_shows_result_and_addresses(source: SourceProcess) -> None:
    progress = json.dumps({"current": 40, "total": 470})
    result = {"pages": 470, "read": 450, "missing": 20, "titles": 450, "links": 3748, "words": 821071}
    jobs = SteppingJobs(
        JOB,
        replace(JOB, state=State.RUNNING, progress_state="PROGRESS", progress_text=progress),
        replace(JOB, state=State.SUCCEEDED, result_text=json.dumps(result)),
    )
    succeeded, text = show(jobs, source.url)
    assert succeeded
    count = ask(source, "/index.json").json()["pages"]
    assert [(job.task, job.kwargs) for job in jobs.submitted] == [
        ("parse.pages", {"start_id": 1, "end_id": count})
    ]
    for shown in ("821,071", "3,748", "seconds", "/docs", f"/v1/jobs/{ID}", f"5555/task/{ID}"):
        assert shown in text


def test_the_demo_says_why_a_job_failed(source: SourceProcess) -> None:
    error = json.dumps({"cls": "SourceUnavailable", "message": "nobody there", "module": "m"})
    succeeded, text = show(SteppingJobs(replace(JOB, state=State.FAILED, error_text=error)), source.url)
    assert not succeeded
    assert "SourceUnavailable: nobody there" in text


def test_the_demo_without_its_key_fails_with_the_reason(source: SourceProcess) -> None:
    succeeded, text = show(SteppingJobs(JOB), source.url, key=None)
    assert not succeeded
    assert "401" in text
