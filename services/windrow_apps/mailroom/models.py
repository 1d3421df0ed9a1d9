"""The bodies that the mailroom's routes take and answer with."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from windrow_apps.shared.smtp import BadAddress, clean_address

MAX_DELAY_SECONDS = 30 * 86_400
MAX_RECORDS = 100_000
MAX_REPORT_DAYS = 366
SECTIONS = ("jobs", "tasks", "failures", "mails", "todos")

ReportType = Literal["daily", "monthly", "custom"]
Format = Literal["csv", "jsonl"]
Section = Literal["jobs", "tasks", "failures", "mails", "todos"]


def _address(text: str) -> str:
    try:
        return clean_address(text)
    except BadAddress as error:
        raise ValueError(str(error)) from None


def _only_text(value: object) -> object:
    # A number would be taken for seconds since 1970.
    if not isinstance(value, str):
        raise ValueError("a moment is text like 2026-01-31T09:00:00Z")
    return value


def _soon(moment: datetime) -> datetime:
    if moment > datetime.now(UTC) + timedelta(seconds=MAX_DELAY_SECONDS):
        raise ValueError("at most 30 days ahead")
    return moment


def _filled(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be blank")
    return text


Email = Annotated[str, Field(max_length=254), AfterValidator(_address)]
Moment = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_only_text), AfterValidator(_soon)]
Day = Annotated[date, Field(strict=False), BeforeValidator(_only_text)]


class Strict(BaseModel):
    """Nothing is converted, nothing unknown is let pass."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class EmailRequest(Strict):
    """A mail to one address; `countdown` (seconds) or `eta` send it later."""

    email: Email
    #: One line: a line break would begin another header.
    subject: Annotated[
        str,
        Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f\u2028\u2029]+$"),
        AfterValidator(_filled),
    ]
    body: Annotated[
        str, Field(min_length=1, max_length=100_000, pattern=r"^[^\x00]+$"), AfterValidator(_filled)
    ]
    countdown: Annotated[
        float | None, Field(strict=False, ge=0, le=MAX_DELAY_SECONDS, allow_inf_nan=False)
    ] = None
    eta: Moment | None = None
    #: 0 to 9, 9 first.
    priority: Annotated[int | None, Field(ge=0, le=9)] = None

    @model_validator(mode="after")
    def _one_delay(self) -> Self:
        if self.countdown is not None and self.eta is not None:
            raise ValueError("countdown and eta: one of them")
        return self


class ProcessData(Strict):
    """Where the records are: exactly one of `records`, `content` and `url`."""

    #: The records themselves, or how many of the ledger's latest jobs.
    records: (
        Annotated[int, Field(ge=1, le=MAX_RECORDS)]
        | Annotated[list[dict[str, Any]], Field(min_length=1, max_length=MAX_RECORDS)]
        | None
    ) = None
    #: CSV with a header line, or JSON lines.
    content: Annotated[str | None, Field(min_length=1)] = None
    url: str | None = None
    #: Of `content` or of what is at `url`; without it the first character tells.
    format: Format | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if sum(value is not None for value in (self.records, self.content, self.url)) != 1:
            raise ValueError("exactly one of records, content and url")
        if self.records is not None and self.format is not None:
            raise ValueError("format belongs to content or url")
        return self


class ProcessRequest(Strict):
    """Records to compute statistics of."""

    data: ProcessData
    description: Annotated[str, Field(max_length=1000, pattern=r"^[^\x00]*$")] = ""


class ReportParams(Strict):
    """What a report is about; days are those of WINDROW_TIMEZONE, both ends included."""

    model_config = ConfigDict(populate_by_name=True)

    #: Of a custom report.
    first: Annotated[Day | None, Field(alias="from")] = None
    last: Annotated[Day | None, Field(alias="to")] = None
    #: Of a daily report; without it yesterday.
    day: Day | None = None
    #: Of a monthly report, `2026-01`; without it the last full one.
    month: Annotated[str | None, Field(pattern=r"^(19|20)\d\d-(0[1-9]|1[0-2])$")] = None
    #: All, where none is named.
    sections: Annotated[list[Section] | None, Field(min_length=1, max_length=len(SECTIONS))] = None
    #: Where the report is mailed to.
    email: Email | None = None


_OWN: dict[str, set[str]] = {"daily": {"day"}, "monthly": {"month"}, "custom": {"from", "to"}}


class ReportRequest(Strict):
    """A report to make."""

    report_type: ReportType
    params: ReportParams = ReportParams()

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        params = self.params
        given = {"from": params.first, "to": params.last, "day": params.day, "month": params.month}
        own = _OWN[self.report_type]
        for name, value in given.items():
            if value is not None and name not in own:
                raise ValueError(f"a {self.report_type} report takes no {name}")
        if self.report_type == "custom":
            if params.first is None or params.last is None:
                raise ValueError("a custom report wants from and to")
            if not 0 <= (params.last - params.first).days < MAX_REPORT_DAYS:
                raise ValueError(f"from must not be after to, nor more than {MAX_REPORT_DAYS} days before it")
        return self


class Queued(BaseModel):
    """A job was accepted."""

    task_id: str
    status: Literal["queued"] = "queued"
    message: str


class TaskState(BaseModel):
    """Where a job is, in Celery's words."""

    task_id: str
    #: PENDING, STARTED, PROGRESS, RETRY, SUCCESS, FAILURE or REVOKED.
    status: str
    #: What it returned; of PROGRESS `{current, total, status}`.
    result: Any = None
    #: Why it failed, or what its next attempt is for.
    error: str | None = None


class Cancellation(BaseModel):
    """A job will not run."""

    message: str
    #: PENDING or RETRY.
    previous_status: str


class Held(BaseModel):
    """The mailroom's jobs that a worker has, or that wait for their moment, as Celery's `inspect` groups them."""

    #: By worker.
    active: dict[str, list[dict[str, Any]]]
    #: Under `ledger`: no worker holds what waits for its moment.
    scheduled: dict[str, list[dict[str, Any]]]
    #: By worker: claimed, not started.
    reserved: dict[str, list[dict[str, Any]]]


class Welcome(BaseModel):
    """What there is."""

    message: str
    endpoints: dict[str, str]
