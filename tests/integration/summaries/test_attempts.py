"""Attempts at a summary on a real PostgreSQL: who is asked in which order, who waits, what it costs, when it ends."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.integration.summaries.conftest import KEY, Tables
from tests.support import llm_server
from tests.support.llm_server import SUMMARY, LlmServer
from windrow_apps.shared.database import DatabaseSettings
from windrow_apps.summaries.errors import SummaryFailed
from windrow_apps.summaries.run import Attempt, Later
from windrow_apps.summaries.settings import SummariesSettings

JOB = "summarize_{}_1692345678"
TEXT = "The first sentence says much of it. The second sentence says the same of it. Nobody reads the third."


class Desk:
    """Attempts on one article."""

    def __init__(self, tables: Tables, llm: LlmServer) -> None:
        self.tables = tables
        self._llm = llm
        self.article = tables.article(TEXT)

    def settings(self, *providers: dict[str, Any], **changes: Any) -> SummariesSettings:
        """Providers are completed with the server's address; names are theirs."""
        whole = [
            each
            if each["name"] == "local"
            else {"base_url": self._llm.base_url, "model": "m", "key_env": "LLM_KEY", **each}
            for each in providers
        ]
        return SummariesSettings.model_validate({"providers": whole, **changes})

    def attempt(self, settings: SummariesSettings, article: int | None = None) -> Any:
        number = article or self.article
        database = DatabaseSettings.model_validate({"WINDROW_DATABASE_URL": self.tables.url})
        return Attempt(JOB.format(number), number, settings, database, draw=lambda low, high: high).run()

    def row(self, article: int | None = None) -> dict[str, Any]:
        (row,) = self.tables.rows(
            "SELECT * FROM summaries.summaries WHERE job_id = %s", JOB.format(article or self.article)
        )
        return row

    def calls(self) -> dict[tuple[str, str], int]:
        rows = self.tables.rows("SELECT provider, outcome, calls FROM summaries.calls")
        return {(row["provider"], row["outcome"]): row["calls"] for row in rows}

    def spent(self) -> int:
        return sum(row["tokens"] for row in self.tables.rows("SELECT tokens FROM summaries.budget"))

    def asked(self) -> list[str]:
        return [asked.body["model"] for asked in self._llm.asked]


@pytest.fixture
def desk(tables: Tables, llm: LlmServer) -> Desk:
    return Desk(tables, llm)


A = {"name": "a", "model": "m-a"}
B = {"name": "b", "model": "m-b"}
LOCAL = {"name": "local"}


def test_the_first_provider_writes_it_and_who_it_was_is_kept(desk: Desk, llm: LlmServer) -> None:
    done = desk.attempt(desk.settings(A, B, LOCAL))
    assert done == {
        "status": "OK",
        "article_id": desk.article,
        "provider": "a",
        "model": "m-a",
        "language": "en",
        "summary": SUMMARY,
    }
    row = desk.row()
    assert (row["status"], row["summary"], row["input_tokens"], row["output_tokens"]) == (
        "OK",
        SUMMARY,
        120,
        9,
    )
    assert row["running_since"] is None
    assert row["finished_at"] is not None
    said = json.dumps(llm.asked[0].body["messages"])
    assert "in English" in said
    assert "Nobody reads the third." in said
    assert desk.calls() == {("a", "ok"): 1}
    assert desk.spent() == 129


def test_a_job_that_runs_again_after_its_end_asks_nobody(desk: Desk, llm: LlmServer) -> None:
    first = desk.attempt(desk.settings(A))
    assert desk.attempt(desk.settings(A)) == first
    assert len(llm.asked) == 1
    assert desk.row()["running_since"] is None


@pytest.mark.parametrize(
    ("behaviour", "outcome"),
    [
        (llm_server.refuses(500), "error"),
        (llm_server.refuses(401), "refused"),
        (llm_server.refuses(429, Retry_After="9"), "busy"),
        (llm_server.slow, "timeout"),
        (llm_server.breaks_off, "truncated"),
        (llm_server.says(b"{"), "malformed"),
    ],
    ids=["500", "401", "429", "slow", "breaks-off", "malformed"],
)
def test_the_next_provider_is_asked_when_one_fails(
    desk: Desk, llm: LlmServer, behaviour: Any, outcome: str
) -> None:
    llm.behave(behaviour, llm_server.well("From b."))
    done = desk.attempt(desk.settings({**A, "timeout": 1}, B))
    assert (done["provider"], done["summary"]) == ("b", "From b.")
    assert desk.asked() == ["m-a", "m-b"]
    assert desk.calls() == {("a", outcome): 1, ("b", "ok"): 1}


def test_the_local_summarizer_comes_last_and_needs_nobody(desk: Desk, llm: LlmServer) -> None:
    llm.behave(llm_server.refuses(500))
    done = desk.attempt(desk.settings(A, LOCAL, sentences=1))
    assert done["provider"] == "local"
    assert done["summary"] in TEXT
    assert desk.calls() == {("a", "error"): 1, ("local", "ok"): 1}
    assert desk.spent() == 0


def test_when_all_say_429_the_job_waits_as_long_as_the_shortest_retry_after(
    desk: Desk, llm: LlmServer
) -> None:
    settings = desk.settings(A, B)
    llm.behave(llm_server.refuses(429, Retry_After="40"), llm_server.refuses(429, Retry_After="20"))
    later = desk.attempt(settings)
    assert isinstance(later, Later)
    assert 20 <= later.seconds <= 2 * 20
    row = desk.row()
    assert (row["status"], row["failures"], row["waits"], row["running_since"]) == ("PENDING", 0, 1, None)
    # And until then no worker asks them, whatever article it has.
    again = desk.attempt(settings, desk.tables.article(TEXT))
    assert isinstance(again, Later)
    assert again.seconds >= 15
    assert desk.asked() == ["m-a", "m-b"]


def test_a_summary_whose_attempts_all_fail_is_failed_with_the_reason(desk: Desk, llm: LlmServer) -> None:
    llm.behave(llm_server.refuses(500))
    settings = desk.settings(A, max_failures=3, retry_seconds=2, breaker_failures=100)
    delays = []
    for _ in range(2):
        later = desk.attempt(settings)
        assert isinstance(later, Later)
        delays.append(later.seconds)
    assert delays == [2, 4]
    with pytest.raises(SummaryFailed, match="a answered 500"):
        desk.attempt(settings)
    row = desk.row()
    assert (row["status"], row["failures"], row["error"]) == ("FAILED", 3, "a answered 500")
    assert row["finished_at"] is not None
    # `:retry` begins anew.
    llm.behave(llm_server.well())
    assert desk.attempt(settings)["status"] == "OK"
    assert desk.row()["failures"] == 0


def test_a_summary_that_only_waits_is_given_up_in_the_end(desk: Desk, llm: LlmServer) -> None:
    llm.behave(llm_server.refuses(429, Retry_After="100"))
    with pytest.raises(SummaryFailed, match="blocked for 100 s"):
        desk.attempt(desk.settings(A, give_up_seconds=60))
    assert desk.row()["status"] == "FAILED"


def test_an_article_that_is_not_there_fails_at_once(desk: Desk) -> None:
    with pytest.raises(SummaryFailed, match="there is no article 999999"):
        desk.attempt(desk.settings(A), 999_999)


def test_a_broken_provider_is_left_alone_and_tried_by_one_call_later(desk: Desk, llm: LlmServer) -> None:
    settings = desk.settings(A, LOCAL, breaker_failures=2, breaker_seconds=30)
    llm.behave(llm_server.refuses(500))
    for _ in range(4):
        desk.attempt(settings, desk.tables.article(TEXT))
    assert desk.asked() == ["m-a", "m-a"]
    # 30 seconds later: one call tries, and while nobody knows how it ends no other does.
    desk.tables.rows("UPDATE summaries.providers SET open_until = clock_timestamp()")
    llm.behave(llm_server.refuses(500), llm_server.well())
    for _ in range(2):
        assert desk.attempt(settings, desk.tables.article(TEXT))["provider"] == "local"
    assert desk.asked() == ["m-a"]
    # It works again: closed.
    desk.tables.rows("UPDATE summaries.providers SET open_until = clock_timestamp()")
    for _ in range(2):
        assert desk.attempt(settings, desk.tables.article(TEXT))["provider"] == "a"
    assert desk.tables.rows("SELECT failures FROM summaries.providers WHERE name = 'a'") == [{"failures": 0}]


def test_a_rate_is_one_of_all_workers_and_waiting_for_it_is_no_failure(desk: Desk, llm: LlmServer) -> None:
    settings = desk.settings({**A, "per_minute": 6, "burst": 2})
    articles = [desk.tables.article(TEXT) for _ in range(3)]
    done = [desk.attempt(settings, article) for article in articles]
    assert [isinstance(each, Later) for each in done] == [False, False, True]
    assert 8 <= done[2].seconds <= 20
    assert len(llm.asked) == 2
    row = desk.row(articles[2])
    assert (row["status"], row["failures"], row["waits"]) == ("PENDING", 0, 1)
    desk.tables.rows("UPDATE summaries.providers SET refilled_at = refilled_at - interval '11 s'")
    assert desk.attempt(settings, articles[2])["status"] == "OK"


def test_the_days_tokens_are_one_budget_and_what_is_over_goes_to_the_next_provider(
    desk: Desk, llm: LlmServer
) -> None:
    settings = desk.settings(A, LOCAL, daily_tokens=600, max_output_tokens=400)
    llm.behave(llm_server.well(usage={"prompt_tokens": 150, "completion_tokens": 50}))
    assert desk.attempt(settings)["provider"] == "a"
    # 200 are spent, and 400 and the prompt are asked for.
    assert desk.attempt(settings, desk.tables.article(TEXT))["provider"] == "local"
    assert desk.spent() == 200
    later = desk.attempt(desk.settings(A, daily_tokens=600), desk.tables.article(TEXT))
    assert isinstance(later, Later)
    assert "budget" in later.reason
    assert len(llm.asked) == 1


@pytest.mark.parametrize(
    ("behaviour", "stays"), [(llm_server.breaks_off, True), (llm_server.refuses(500), False)]
)
def test_what_may_have_been_charged_stays_spent(
    desk: Desk, llm: LlmServer, behaviour: Any, stays: bool
) -> None:
    llm.behave(behaviour)
    desk.attempt(desk.settings(A))
    assert (desk.spent() > 400) is stays


def test_a_long_article_is_cut_at_a_sentence(desk: Desk, llm: LlmServer) -> None:
    article = desk.tables.article("This is a sentence of some length. " * 200)
    desk.attempt(desk.settings(A, max_input_tokens=100), article)
    said = llm.asked[0].body["messages"][1]["content"]
    assert 200 < len(said) < 400
    assert said.endswith("of some length.")


def test_a_key_is_in_no_row(desk: Desk, llm: LlmServer) -> None:
    llm.behave(llm_server.refuses(401))
    with pytest.raises(SummaryFailed):
        desk.attempt(desk.settings(A, max_failures=1))
    everything = [
        desk.tables.rows(f"SELECT * FROM summaries.{name}") for name in ("summaries", "providers", "calls")
    ]
    assert KEY not in str(everything)


def test_a_key_that_is_missing_counts_as_the_providers_failure(desk: Desk, llm: LlmServer) -> None:
    assert desk.attempt(desk.settings({**A, "key_env": "NO_SUCH"}, LOCAL))["provider"] == "local"
    assert desk.calls() == {("a", "settings"): 1, ("local", "ok"): 1}
