"""One call of a language model: what it is asked, and every way in which it can go wrong."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from tests.integration.summaries.conftest import KEY
from tests.support import llm_server
from tests.support.llm_server import SUMMARY, LlmServer
from windrow_apps.summaries.errors import CallFailed, SettingsWrong, TooMany
from windrow_apps.summaries.llm import Completion, complete
from windrow_apps.summaries.settings import Provider

MESSAGES = [{"role": "user", "content": "Title: T\n\nA text."}]


def provider(llm: LlmServer, **changes: Any) -> Provider:
    return Provider(
        **{"name": "one", "base_url": llm.base_url, "model": "m-1", "key_env": "LLM_KEY", **changes}
    )


def ask(llm: LlmServer, seconds: float = 10, **changes: Any) -> Completion:
    return complete(provider(llm, **changes), MESSAGES, 50, seconds)


@pytest.mark.parametrize("stream", [False, True])
def test_a_model_is_asked_in_the_protocol_with_its_key(llm: LlmServer, stream: bool) -> None:
    done = ask(llm, stream=stream, extra={"temperature": 0})
    assert done == Completion(SUMMARY, 120, 9)
    (asked,) = llm.asked
    assert asked.path == "/v1/chat/completions"
    assert asked.key == f"Bearer {KEY}"
    assert asked.body == {
        "model": "m-1",
        "messages": MESSAGES,
        "max_tokens": 50,
        "stream": stream,
        "temperature": 0,
    }


def test_a_key_may_lie_in_a_file_or_not_be_needed(llm: LlmServer, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-of-a-file\n")
    ask(llm, key_env="", key_file=tmp_path / "key")
    ask(llm, key_env="")
    assert [asked.key for asked in llm.asked] == ["Bearer sk-of-a-file", None]


@pytest.mark.parametrize("where", [{"key_env": "NO_SUCH_KEY"}, {"key_env": "", "key_file": "/no/such/file"}])
def test_a_missing_key_is_said_before_anybody_is_asked(llm: LlmServer, where: dict[str, Any]) -> None:
    with pytest.raises(SettingsWrong, match="there is no key"):
        ask(llm, **where)
    assert llm.asked == []


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("behaviour", "outcome", "charged"),
    [
        (llm_server.refuses(500), "error", False),
        (llm_server.refuses(503), "error", False),
        (llm_server.refuses(401), "refused", False),
        (llm_server.refuses(302, Location="http://127.0.0.1:9/"), "refused", False),
        (llm_server.slow, "timeout", True),
        (llm_server.drips, "timeout", True),
        (llm_server.breaks_off, "truncated", True),
        (llm_server.says(b'data: {"choices": [{"message": \n\n'), "malformed", True),
        (llm_server.well("  "), "malformed", True),
    ],
    ids=["500", "503", "401", "302", "slow", "drips", "breaks-off", "malformed", "blank"],
)
def test_each_failure_has_its_name(
    llm: LlmServer, behaviour: Any, outcome: str, charged: bool, stream: bool
) -> None:
    llm.behave(behaviour)
    with pytest.raises(CallFailed) as failed:
        ask(llm, seconds=1, stream=stream)
    assert failed.value.outcome == outcome
    assert failed.value.perhaps_charged is charged
    assert KEY not in str(failed.value)


@pytest.mark.parametrize(
    "body", [b"[]", b"{}", b'{"choices": []}', b'{"choices": [{"message": {"content": null}}]}', b"\xff", b""]
)
def test_an_answer_that_the_protocol_does_not_know_is_malformed(llm: LlmServer, body: bytes) -> None:
    llm.behave(llm_server.says(body))
    with pytest.raises(CallFailed) as failed:
        ask(llm)
    assert failed.value.outcome == "malformed"


def test_a_stream_that_stops_before_its_end_is_truncated(llm: LlmServer) -> None:
    llm.behave(llm_server.stream_ends_early)
    with pytest.raises(CallFailed) as failed:
        ask(llm, stream=True)
    assert failed.value.outcome == "truncated"


@pytest.mark.parametrize(("header", "seconds"), [({"Retry_After": "7"}, 7.0), ({}, None)])
def test_429_carries_the_seconds_that_it_asks_for(
    llm: LlmServer, header: dict[str, str], seconds: float | None
) -> None:
    llm.behave(llm_server.refuses(429, **header))
    with pytest.raises(TooMany) as refused:
        ask(llm)
    assert refused.value.seconds == seconds


def test_nobody_there_is_an_error_that_cost_nothing(llm: LlmServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(CallFailed) as failed:
        ask(llm, base_url=f"http://127.0.0.1:{port}/v1")
    assert (failed.value.outcome, failed.value.perhaps_charged) == ("error", False)


def test_usage_that_is_no_count_is_not_believed(llm: LlmServer) -> None:
    llm.behave(llm_server.well(usage={"prompt_tokens": -5, "completion_tokens": "9"}))  # type: ignore[dict-item]
    assert ask(llm) == Completion(SUMMARY, None, None)
