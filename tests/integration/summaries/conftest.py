"""A database with the app's tables, and a language model's server."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.support.databases import Databases
from tests.support.llm_server import LlmServer, llm_server, well
from windrow.store.app_tables import create_app_tables
from windrow_apps.summaries.app import SPEC

KEY = "sk-very-secret-7391"


class Tables:
    """The app's tables, for a test's own looks."""

    def __init__(self, url: str) -> None:
        self.url = url

    def rows(self, statement: str, *params: object) -> list[dict[str, Any]]:
        with psycopg.connect(
            self.url, autocommit=True, connect_timeout=10, row_factory=dict_row
        ) as connection:
            cursor = connection.execute(statement.encode(), params or None)
            return cursor.fetchall() if cursor.description else []

    def article(self, text: str = "A first sentence. A second one.", language: str | None = None) -> int:
        statement = "INSERT INTO summaries.articles (title, text, language) VALUES ('T', %s, %s) RETURNING id"
        (row,) = self.rows(statement, text, language)
        return int(row["id"])

    def clear(self) -> None:
        self.rows("TRUNCATE summaries.articles, summaries.summaries CASCADE")
        self.rows("TRUNCATE summaries.providers, summaries.budget, summaries.calls")


@pytest.fixture(scope="module")
def module_tables(databases: Databases) -> Iterator[Tables]:
    url = databases.create()
    # Twice: each upgrade of a release runs them all again.
    for _ in range(2):
        create_app_tables(url, SPEC.migrations or "")
    yield Tables(url)
    databases.drop(url)


@pytest.fixture
def tables(module_tables: Tables) -> Tables:
    module_tables.clear()
    return module_tables


@pytest.fixture(scope="module")
def module_llm() -> Iterator[LlmServer]:
    with llm_server() as server:
        yield server


@pytest.fixture
def llm(
    module_llm: LlmServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> Iterator[LlmServer]:
    """A well-behaved server whose key is in LLM_KEY; no test may leave that key in a log."""
    monkeypatch.setenv("LLM_KEY", KEY)
    module_llm.behave(well())
    caplog.set_level(logging.DEBUG)
    yield module_llm
    assert KEY not in caplog.text
