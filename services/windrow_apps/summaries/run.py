"""One attempt at one summary: each provider in its turn, until one has written it."""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from windrow import checkpoint
from windrow_apps.shared.database import DatabaseSettings, transaction
from windrow_apps.summaries import llm, text
from windrow_apps.summaries.errors import CallFailed, SettingsWrong, SummaryFailed, TooMany
from windrow_apps.summaries.extractive import extract
from windrow_apps.summaries.gate import Wait
from windrow_apps.summaries.prompt import messages
from windrow_apps.summaries.settings import LOCAL, Provider, SummariesSettings
from windrow_apps.summaries.store import providers as shared
from windrow_apps.summaries.store import summaries

APP = "summaries"
#: Seconds that a provider is left alone after a 429 that does not say how long.
BLOCK_SECONDS = 10.0
#: Seconds that a call must have left to be worth it.
LEAST_SECONDS = 1.0
#: A wait for a turn is spread over at most twice to the power of this many times itself.
MAX_SPREAD = 6


@dataclass(frozen=True, slots=True)
class Later:
    """Nobody could write it now; come again in `seconds`."""

    seconds: float
    reason: str


@dataclass(frozen=True, slots=True)
class _Written:
    summary: str
    provider: str
    model: str | None
    input_tokens: int
    output_tokens: int


class _Trouble:
    """Why no provider has written it so far."""

    def __init__(self) -> None:
        self.failures: list[str] = []
        self.waits: list[Wait] = []

    def words(self) -> str:
        waits = (f"{wait.reason} for {wait.seconds:.0f} s" for wait in self.waits)
        return "; ".join([*self.failures, *waits]) or "there was no time to ask anybody"


class Attempt:
    """An attempt of one job; `draw` is random.uniform."""

    def __init__(
        self,
        job_id: str,
        article_id: int,
        settings: SummariesSettings,
        database: DatabaseSettings,
        draw: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._job_id = job_id
        self._article_id = article_id
        self._settings = settings
        self._database = database
        self._draw = draw
        self._trouble = _Trouble()

    def run(self) -> dict[str, Any] | Later:
        """The summary and who wrote it, or when to come again. Raises SummaryFailed, or psycopg's OperationalError."""
        deadline = time.monotonic() + self._settings.attempt_seconds
        with transaction(self._database, APP) as connection:
            row = summaries.begin(connection, self._job_id, self._article_id)
            if row is None:
                raise SummaryFailed(f"there is no article {self._article_id}")
            article = summaries.article(connection, self._article_id)
        if row["status"] == "OK":
            # A message that came twice, or a finish that was lost.
            return _result(row)
        language = article["language"] or text.recognise(article["text"])
        written = self._ask_all(article, language, deadline)
        if written is None:
            return self._give_way(row)
        fields = {
            "summary": written.summary,
            "provider": written.provider,
            "model": written.model,
            "language": language,
            "input_tokens": written.input_tokens,
            "output_tokens": written.output_tokens,
        }
        with transaction(self._database, APP) as connection:
            summaries.succeed(connection, self._job_id, fields)
        return _result({"article_id": self._article_id, **fields})

    def _ask_all(self, article: Mapping[str, Any], language: str | None, deadline: float) -> _Written | None:
        for provider in self._settings.providers:
            checkpoint()
            left = deadline - time.monotonic()
            if left < LEAST_SECONDS:
                break
            if provider.name == LOCAL:
                return self._extract(article, language)
            written = self._ask(provider, article, language, min(left, provider.timeout))
            if written is not None:
                return written
        return None

    def _extract(self, article: Mapping[str, Any], language: str | None) -> _Written:
        current = self._settings
        summary = extract(article["text"], language, current.sentences, current.local_sentences)
        with transaction(self._database, APP) as connection:
            shared.succeeded(connection, LOCAL, None, 0, 0)
        return _Written(summary, LOCAL, None, 0, 0)

    def _ask(
        self, provider: Provider, article: Mapping[str, Any], language: str | None, seconds: float
    ) -> _Written | None:
        current = self._settings
        said = messages(
            article["title"],
            text.cut(article["text"], current.max_input_tokens),
            language,
            current.sentences,
        )
        expected = sum(text.tokens(message["content"]) for message in said)
        with transaction(self._database, APP) as connection:
            permit = shared.ask(connection, provider, expected + current.max_output_tokens, current)
        if isinstance(permit, Wait):
            self._trouble.waits.append(permit)
            return None
        try:
            done = llm.complete(provider, said, current.max_output_tokens, seconds)
        except TooMany as refused:
            block = BLOCK_SECONDS if refused.seconds is None else refused.seconds
            self._trouble.waits.append(Wait("blocked", block))
            with transaction(self._database, APP) as connection:
                shared.busy(connection, provider.name, permit, block)
            return None
        except (CallFailed, SettingsWrong) as failure:
            outcome = failure.outcome if isinstance(failure, CallFailed) else "settings"
            charged = isinstance(failure, CallFailed) and failure.perhaps_charged
            self._trouble.failures.append(str(failure))
            with transaction(self._database, APP) as connection:
                shared.failed(connection, provider.name, permit, outcome, current, charged=charged)
            return None
        used = expected if done.input_tokens is None else done.input_tokens
        wrote = text.tokens(done.text) if done.output_tokens is None else done.output_tokens
        with transaction(self._database, APP) as connection:
            shared.succeeded(connection, provider.name, permit, used, wrote)
        return _Written(done.text, provider.name, provider.model, used, wrote)

    def _give_way(self, row: Mapping[str, Any]) -> Later:
        reason = self._trouble.words()
        failed = bool(self._trouble.failures) or not self._trouble.waits
        seconds = self._backoff(row["failures"]) if failed else self._turn(row["waits"])
        too_often = failed and row["failures"] + 1 >= self._settings.max_failures
        too_late = row["age"] + seconds > self._settings.give_up_seconds
        with transaction(self._database, APP) as connection:
            if too_often or too_late:
                summaries.fail(connection, self._job_id, reason, failed=failed)
            else:
                summaries.postpone(connection, self._job_id, reason, failed=failed)
        if too_often or too_late:
            raise SummaryFailed(reason)
        return Later(seconds, reason)

    def _backoff(self, failures: int) -> float:
        ceiling = min(self._settings.retry_cap_seconds, self._settings.retry_seconds * 2 ** min(failures, 30))
        # Half of it at least: a provider that has just failed wants a pause.
        return self._draw(ceiling / 2, ceiling)

    def _turn(self, waits: int) -> float:
        # Never before the first of them may be asked; and not all at that same moment, the less the longer they wait.
        seconds = min(wait.seconds for wait in self._trouble.waits)
        spread = min(self._settings.retry_cap_seconds, max(seconds, 0.5) * 2 ** min(waits, MAX_SPREAD))
        return seconds + self._draw(0.0, spread)


def _result(row: Mapping[str, Any]) -> dict[str, Any]:
    kept = ("article_id", "provider", "model", "language", "summary")
    return {"status": "OK", **{name: row[name] for name in kept}}
