"""The settings of the summaries app, from the environment of the process that asks for them."""

import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from windrow_apps.summaries.errors import SettingsWrong

#: The provider that is no language model and needs no key.
LOCAL = "local"
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]


class Provider(BaseModel):
    """One place that writes summaries; `{"name": "local"}` is the summarizer of this package."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: What logs and answers call it; `local` is the summarizer of this package.
    name: Name
    #: Up to `/chat/completions`, e.g. `https://api.mistral.ai/v1`.
    base_url: str = Field(default="", pattern=r"^(https?://[^\s@]+)?$")
    #: The model's name at that place.
    model: str = Field(default="", max_length=200)
    #: Environment variable with the key, or file with it (a mounted Secret); neither: no key is sent.
    key_env: str = ""
    key_file: Path | None = None
    #: Seconds of one call from the request to its last byte.
    timeout: float = Field(default=60, gt=0, le=200)
    #: Calls a minute of all workers together, and how many of them at once; None: no bound of ours.
    per_minute: float | None = Field(default=None, gt=0)
    burst: int = Field(default=1, ge=1, le=10_000)
    #: Ask for the answer as a stream: a slow model is then seen to be alive.
    stream: bool = False
    #: Fields of the request's body beside ours, e.g. {"reasoning_effort": "low"}.
    extra: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _complete(self) -> "Provider":
        if self.name != LOCAL and not (self.base_url and self.model):
            raise ValueError(f"provider {self.name!r} needs base_url and model")
        return self

    def key(self) -> SecretStr | None:
        """Its key, read now; None when it needs none. Raises SettingsWrong when it is not where it should be."""
        if self.key_env:
            found = os.environ.get(self.key_env, "")
            where = f"the variable {self.key_env}"
        elif self.key_file is not None:
            try:
                found = self.key_file.read_text("utf-8").strip()
            except (OSError, UnicodeDecodeError):
                found = ""
            where = f"the file {self.key_file}"
        else:
            return None
        if not found or not found.isascii() or not found.isprintable():
            raise SettingsWrong(f"provider {self.name!r}: there is no key in {where}")
        return SecretStr(found)


class SummariesSettings(BaseSettings):
    """Who writes summaries, how long they are, and what they may cost.

    Each field is read from `WINDROW_SUMMARIES_<NAME>`.
    """

    model_config = SettingsConfigDict(env_prefix="WINDROW_SUMMARIES_", frozen=True, extra="ignore")

    #: In the order in which they are asked, as JSON.
    providers: tuple[Provider, ...] = Field(default=(Provider(name=LOCAL),), min_length=1, max_length=8)
    #: Sentences of a summary.
    sentences: int = Field(default=4, ge=1, le=20)
    #: Tokens of an article that a language model gets, cut at a sentence's end; and those that it may write.
    max_input_tokens: int = Field(default=6000, ge=100, le=1_000_000)
    max_output_tokens: int = Field(default=400, ge=16, le=100_000)
    #: Tokens a day (UTC) of all workers and language models together; 0: no bound.
    daily_tokens: int = Field(default=1_000_000, ge=0)
    #: Failures in a row after which a provider is left alone, and the seconds until one call tries again.
    breaker_failures: int = Field(default=5, ge=1, le=1000)
    breaker_seconds: float = Field(default=60, gt=0, le=86_400)
    #: Attempts in which every provider failed before the summary is FAILED.
    max_failures: int = Field(default=5, ge=1, le=50)
    #: Seconds: ceiling of the first retry's delay; it doubles up to the cap. What a provider asks for is not capped.
    retry_seconds: float = Field(default=2, gt=0, le=3600)
    retry_cap_seconds: float = Field(default=300, gt=0, le=86_400)
    #: Seconds after which a summary that only waited for its turn is FAILED.
    give_up_seconds: float = Field(default=86_400, gt=0, le=30 * 86_400)
    #: Seconds of one attempt, all providers included; under the pool's time limit.
    attempt_seconds: float = Field(default=240, gt=1, le=3600)
    #: Characters of an article.
    article_characters: int = Field(default=200_000, ge=100, le=1_000_000)
    #: Sentences that the local summarizer compares with each other: its time grows with their square.
    local_sentences: int = Field(default=400, ge=10, le=2000)
    #: Entries of a feed that one import reads, bytes of a feed, and seconds of an import: a feed can be made that
    #: takes very long to read.
    feed_entries: int = Field(default=200, ge=1, le=5000)
    feed_bytes: int = Field(default=4 * 1024 * 1024, ge=1024, le=64 * 1024 * 1024)
    feed_seconds: float = Field(default=120, gt=1, le=3600)


def settings() -> SummariesSettings:
    """Read the settings now; for entry points: a task's body and the router's factory."""
    return SummariesSettings()
