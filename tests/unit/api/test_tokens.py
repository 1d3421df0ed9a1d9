"""Tokens of the cluster: one review for many requests, answers that end, and bounds for strangers."""

from __future__ import annotations

import asyncio
import json
import logging
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

import pytest

from windrow.api import tokens as module
from windrow.api.auth import Keyring
from windrow.api.callers import Caller
from windrow.api.problems import Problem
from windrow.api.token_review import TokenReviewer
from windrow.api.tokens import NotReviewed, TokenRules, Tokens, looks_like_a_token

WEB = "system:serviceaccount:shop:web"
SUBJECTS = {WEB: frozenset({"jobs:write"})}
RULES = TokenRules("windrow", SUBJECTS, seconds=30, refused_seconds=5, reviews_max=4)


def token(aud: Any = "windrow", name: str = "web", **claims: Any) -> str:
    """A token that says so of itself; its signature is the reviewer's business."""
    payload = json.dumps({"aud": aud, "sub": f"system:serviceaccount:shop:{name}", **claims}).encode()
    return f"e30.{urlsafe_b64encode(payload).decode().rstrip('=')}.c2ln"


class FakeReviewer:
    """Knows the subject of every token, unless told otherwise."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answer: str | Exception | None = WEB
        self.gate = asyncio.Event()
        self.gate.set()
        #: Set as soon as `enough` reviews have begun.
        self.busy = asyncio.Event()
        self.enough = 1

    async def review(self, token: str) -> str | None:
        self.asked.append(token)
        if len(self.asked) >= self.enough:
            self.busy.set()
        await self.gate.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def close(self) -> None:
        pass


class Clock:
    """What `time` is to the module."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


async def status_of(tokens: Tokens, text: str) -> int:
    """200, or the problem's status."""
    try:
        await tokens.caller(text)
    except Problem as problem:
        return problem.status
    return 200


def test_a_good_token_is_reviewed_once_until_its_time_is_over(clock: Clock) -> None:
    async def main() -> None:
        reviewer = FakeReviewer()
        tokens = Tokens(reviewer, RULES)
        assert await tokens.caller(token()) == Caller(WEB, frozenset({"jobs:write"}))
        clock.now += 29
        await tokens.caller(token())
        assert len(reviewer.asked) == 1
        clock.now += 2
        await tokens.caller(token())
        assert len(reviewer.asked) == 2

    asyncio.run(main())


def test_a_token_is_not_remembered_beyond_its_own_end(clock: Clock) -> None:
    async def main() -> None:
        reviewer = FakeReviewer()
        tokens = Tokens(reviewer, RULES)
        dying = token(exp=clock.now + 10)
        await tokens.caller(dying)
        clock.now += 11
        reviewer.answer = None
        assert await status_of(tokens, dying) == 401
        reviewer.answer = WEB
        # By the API server's clock it lives: taken, and looked at again each time.
        for _ in range(2):
            assert await status_of(tokens, token(name="late", exp=clock.now - 1)) == 200
        assert len(reviewer.asked) == 4

    asyncio.run(main())


def test_a_refused_token_is_remembered_shorter(clock: Clock) -> None:
    async def main() -> None:
        reviewer = FakeReviewer()
        reviewer.answer = None
        tokens = Tokens(reviewer, RULES)
        for _ in range(3):
            assert await status_of(tokens, token()) == 401
        assert len(reviewer.asked) == 1
        reviewer.answer = WEB
        clock.now += 6
        assert await status_of(tokens, token()) == 200

    asyncio.run(main())


def test_a_token_that_was_good_is_refused_as_soon_as_its_review_is(clock: Clock) -> None:
    async def main() -> None:
        reviewer = FakeReviewer()
        tokens = Tokens(reviewer, RULES)
        await tokens.caller(token())
        reviewer.answer = None
        clock.now += 31
        assert [await status_of(tokens, token()) for _ in range(2)] == [401, 401]
        assert len(reviewer.asked) == 2

    asyncio.run(main())


def test_requests_with_one_token_share_its_review() -> None:
    async def main() -> None:
        reviewer = FakeReviewer()
        reviewer.gate.clear()
        tokens = Tokens(reviewer, RULES)
        requests = [asyncio.create_task(status_of(tokens, token())) for _ in range(50)]
        await reviewer.busy.wait()
        # The one who asked first goes away; the others still get their answer.
        requests[0].cancel()
        await asyncio.sleep(0)
        reviewer.gate.set()
        assert set(await asyncio.gather(*requests[1:])) == {200}
        assert len(reviewer.asked) == 1

    asyncio.run(main())


def test_what_nobody_could_check_is_503_and_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        reviewer = FakeReviewer()
        reviewer.answer = NotReviewed("ConnectError: refused")
        tokens = Tokens(reviewer, RULES)
        with pytest.raises(Problem) as refused:
            await tokens.caller(token())
        assert (refused.value.status, refused.value.headers["Retry-After"]) == (503, "2")
        reviewer.answer = WEB
        assert await status_of(tokens, token()) == 200

    with caplog.at_level(logging.DEBUG):
        asyncio.run(main())
    assert "ConnectError: refused" in caplog.text
    assert token() not in caplog.text


def test_a_known_subject_without_a_scope_is_403_and_named() -> None:
    async def main() -> None:
        reviewer = FakeReviewer()
        reviewer.answer = "system:serviceaccount:bank:web"
        tokens = Tokens(reviewer, RULES)
        for _ in range(2):
            with pytest.raises(Problem) as refused:
                await tokens.caller(token())
            assert refused.value.status == 403
            assert "system:serviceaccount:bank:web" in refused.value.detail
        assert len(reviewer.asked) == 1

    asyncio.run(main())


def test_a_token_for_somebody_else_costs_the_api_server_nothing() -> None:
    async def main() -> None:
        reviewer = FakeReviewer()
        tokens = Tokens(reviewer, RULES)
        deep = urlsafe_b64encode(b"[" * 3_000).decode()
        for text in (
            token("vault"),
            token(["a", "b"]),
            token(None),
            "e30.bm8.x",
            "e30.W10.x",
            f"a.{deep}.b",
            "a.b.c",
        ):
            assert await status_of(tokens, text) == 401
        assert reviewer.asked == []
        assert await status_of(tokens, token(["vault", "windrow"])) == 200

    asyncio.run(main())


def test_strangers_cannot_start_more_than_a_few_reviews() -> None:
    async def main() -> None:
        reviewer = FakeReviewer()
        reviewer.gate.clear()
        reviewer.enough = 4
        tokens = Tokens(reviewer, RULES)
        waiting = [asyncio.create_task(status_of(tokens, token(name=f"n{n}"))) for n in range(4)]
        await reviewer.busy.wait()
        assert await status_of(tokens, token(name="one-more")) == 503
        reviewer.gate.set()
        assert set(await asyncio.gather(*waiting)) == {200}
        assert await status_of(tokens, token(name="one-more")) == 200

    asyncio.run(main())


def test_a_flood_of_bad_tokens_drives_no_good_one_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_REMEMBERED", 10)

    async def main() -> None:
        reviewer = FakeReviewer()
        tokens = Tokens(reviewer, RULES)
        await tokens.caller(token())
        reviewer.answer = None
        for n in range(30):
            assert await status_of(tokens, token(name=f"n{n}")) == 401
        assert await status_of(tokens, token()) == 200
        assert len(reviewer.asked) == 31
        assert len(tokens._refused) == 10

    asyncio.run(main())


def test_a_closed_door_leaves_no_review_behind() -> None:
    async def main() -> None:
        reviewer = FakeReviewer()
        reviewer.gate.clear()
        tokens = Tokens(reviewer, RULES)
        request = asyncio.create_task(status_of(tokens, token()))
        await reviewer.busy.wait()
        await tokens.close()
        with pytest.raises(asyncio.CancelledError):
            await request

    asyncio.run(main())


@pytest.mark.parametrize("text", ["", "a.b", "a.b.c.d", "a.b!.c", "ä.b.c", "a.b." + "c" * 9_000])
def test_what_is_no_token_is_not_taken_for_one(text: str) -> None:
    assert looks_like_a_token("e30.e30.c2ln")
    assert not looks_like_a_token(text)


def test_a_token_needs_a_door_that_takes_tokens() -> None:
    async def main() -> None:
        ledger: Any = None
        for header in (f"Bearer {token()}", "Bearer x"):
            with pytest.raises(Problem) as refused:
                await Keyring(ledger, 1.0).caller(header)
            assert refused.value.status == 401
        reviewer = FakeReviewer()
        keyring = Keyring(ledger, 1.0, tokens=Tokens(reviewer, RULES))
        assert (await keyring.caller(f"bearer {token()}")).id == WEB
        for header in (f"Basic {token()}", "Bearer x", token()):
            with pytest.raises(Problem) as refused:
                await keyring.caller(header)
            assert refused.value.status == 401
        assert len(reviewer.asked) == 1

    asyncio.run(main())


def test_without_its_own_credentials_nothing_is_reviewed(tmp_path: Path) -> None:
    async def main() -> None:
        reviewer = TokenReviewer("https://kubernetes.default.svc", tmp_path, "windrow", 1.0)
        with pytest.raises(NotReviewed, match=r"ca\.crt|FileNotFound"):
            await reviewer.review(token())
        await reviewer.close()

    asyncio.run(main())
