"""What callers of the summaries app send and get."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from windrow_apps.summaries.job_ids import MAX_ARTICLE_ID, PATTERN

MAX_BATCH = 1000

SummaryStatus = Literal["PENDING", "OK", "FAILED"]


def _storable(text: str) -> str:
    if "\0" in text or not text.strip():
        raise ValueError("must not be blank, nor hold a NUL character")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("holds half a surrogate pair") from None
    return text


Words = Annotated[str, StringConstraints(min_length=1), AfterValidator(_storable)]
# Strict: neither "1" nor true is an article's id.
ArticleId = Annotated[int, Field(ge=1, le=MAX_ARTICLE_ID, strict=True)]
JobId = Annotated[str, StringConstraints(pattern=PATTERN)]


class NewArticle(BaseModel):
    """An article as a caller brings it."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    title: Annotated[Words, Field(max_length=500)]
    text: Words
    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2}$")] | None = Field(
        None, description="ISO 639-1; without it the language is recognised."
    )
    url: Annotated[Words, Field(max_length=2000, pattern=r"^https?://\S+$")] | None = None


class Added(BaseModel):
    """An article that was kept."""

    id: int
    title: str
    language: str | None
    url: str | None
    characters: int
    created_at: datetime


class ArticleView(Added):
    """An article with its latest good summary, or where the latest one is.

    `language` is the caller's, else what the summary found; null until then.
    """

    text: str
    job_id: str | None
    status: SummaryStatus | None
    summary: str | None


class Enqueued(BaseModel):
    """A summary was asked for."""

    job_id: str
    article_id: int
    status: SummaryStatus = "PENDING"
    message: str = "Summarization has been queued"


class EnqueuedBatch(BaseModel):
    """Summaries were asked for: a job for each article."""

    queued: int
    jobs: list[Enqueued]


class Importing(BaseModel):
    """An import was accepted."""

    task_id: str
    status: Literal["queued"] = "queued"
    message: str = "Import has been queued"


class SummaryView(BaseModel):
    """Where a summary is."""

    job_id: str
    article_id: int
    status: SummaryStatus
    #: Celery's name for the state of the job.
    state: str
    summary: str | None = None
    provider: str | None = None
    model: str | None = None
    language: str | None = None
    error: str | None = None
    failures: int = 0
    created_at: datetime
    finished_at: datetime | None = None


class Budget(BaseModel):
    """Tokens of today (UTC); `daily` 0 and `left` None: no bound."""

    daily: int
    used: int
    left: int | None


class ProviderView(BaseModel):
    """A provider, in the order in which they are asked."""

    name: str
    model: str | None
    breaker: Literal["closed", "open", "half_open"]
    #: Seconds until it may be called again: of an open circuit, and of a 429.
    open_for: float = 0
    blocked_for: float = 0
    failures_in_a_row: int = 0


class QueueView(BaseModel):
    """All summaries in numbers."""

    queued: int
    running: int
    finished: int
    failed: int
    #: Calls so far by provider and outcome.
    by_provider: dict[str, dict[str, int]]
    budget: Budget
    providers: list[ProviderView]
