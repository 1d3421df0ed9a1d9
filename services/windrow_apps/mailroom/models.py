"""The bodies that the mailroom's routes take and answer with."""

from __future__ import annotations

import unicodedata
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from windrow_apps.shared.smtp import BadAddress, clean_address

MAX_DELAY_SECONDS = 30 * 86_400
MAX_RECORDS = 100_000
MAX_REPORT_DAYS = 366
#: The days that a report may be about: every clock and calendar on the way can hold them and their neighbours.
EARLIEST_DAY, LATEST_DAY = date(1970, 1, 1), date(2999, 12, 31)
SECTIONS = ("jobs", "tasks", "failures", "mails", "todos")

ReportType = Literal["daily", "monthly", "custom"]
Format = Literal["csv", "jsonl"]
Section = Literal["jobs", "tasks", "failures", "mails", "todos"]


def _flaw(kind: str, message: str) -> PydanticCustomError:
    # Pydantic puts "Value error" before the words of a ValueError.
    return PydanticCustomError("mailroom_" + kind, "{words}", {"words": message})


def _address(text: str) -> str:
    try:
        return clean_address(text)
    except BadAddress as error:
        raise _flaw("address", str(error)) from None


def _only_text(value: object) -> object:
    # A number would be taken for seconds since 1970.
    if not isinstance(value, str):
        raise _flaw("moment", "a moment is text like 2026-01-31T09:00:00Z, a day like 2026-01-31")
    return value


def _soon(moment: datetime) -> datetime:
    if moment > datetime.now(UTC) + timedelta(seconds=MAX_DELAY_SECONDS):
        raise _flaw("eta", "at most 30 days ahead")
    return moment


def _sensible(day: date) -> date:
    if not EARLIEST_DAY <= day <= LATEST_DAY:
        raise _flaw("day", f"a day lies between {EARLIEST_DAY} and {LATEST_DAY}")
    return day


def _one_line(text: str) -> str:
    # A line break would begin another header.
    if any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in text):
        raise _flaw("subject", "one line, without control characters")
    return text


def _filled(text: str) -> str:
    if not text.strip():
        raise _flaw("blank", "must not be blank")
    return text


def _no_nul(text: str) -> str:
    if "\x00" in text:
        raise _flaw("nul", "must not contain a NUL")
    return text


def _records(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool):
        if not 1 <= value <= MAX_RECORDS:
            raise _flaw("records", f"1 to {MAX_RECORDS} of the latest jobs")
    elif isinstance(value, list):
        if not 1 <= len(value) <= MAX_RECORDS or not all(isinstance(each, dict) for each in value):
            raise _flaw("records", f"1 to {MAX_RECORDS} records, each an object")
    elif value is not None:
        raise _flaw("records", "a number of jobs, or a list of objects")
    return value


Email = Annotated[str, Field(max_length=254), AfterValidator(_address)]
Moment = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_only_text), AfterValidator(_soon)]
Day = Annotated[date, Field(strict=False), BeforeValidator(_only_text), AfterValidator(_sensible)]
Subject = Annotated[
    str, Field(min_length=1, max_length=200), AfterValidator(_filled), AfterValidator(_one_line)
]
Body = Annotated[
    str, Field(min_length=1, max_length=100_000), AfterValidator(_filled), AfterValidator(_no_nul)
]
Description = Annotated[str, Field(max_length=1000), AfterValidator(_no_nul)]
Records = Annotated[
    Any,
    AfterValidator(_records),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": MAX_RECORDS},
                {"type": "array", "items": {"type": "object"}, "minItems": 1, "maxItems": MAX_RECORDS},
                {"type": "null"},
            ]
        }
    ),
]


class Strict(BaseModel):
    """Nothing is converted, nothing unknown is let pass."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class EmailRequest(Strict):
    """A mail to one address; `countdown` (seconds) or `eta` send it later."""

    email: Email
    subject: Subject
    body: Body
    countdown: Annotated[
        float | None, Field(strict=False, ge=0, le=MAX_DELAY_SECONDS, allow_inf_nan=False)
    ] = None
    eta: Moment | None = None
    #: 0 to 9, 9 first.
    priority: Annotated[int | None, Field(ge=0, le=9)] = None

    @model_validator(mode="after")
    def _one_delay(self) -> Self:
        if self.countdown is not None and self.eta is not None:
            raise _flaw("fit", "countdown and eta: one of them")
        return self


class ProcessData(Strict):
    """Where the records are: exactly one of `records`, `content` and `url`."""

    #: The records themselves, or how many of the ledger's latest jobs.
    records: Records = None
    #: CSV with a header line, or JSON lines.
    content: Annotated[str | None, Field(min_length=1)] = None
    url: str | None = None
    #: Of `content` or of what is at `url`; without it the first character tells.
    format: Format | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if sum(value is not None for value in (self.records, self.content, self.url)) != 1:
            raise _flaw("fit", "exactly one of records, content and url")
        if self.records is not None and self.format is not None:
            raise _flaw("fit", "format belongs to content or url")
        return self


class ProcessRequest(Strict):
    """Records to compute statistics of."""

    data: ProcessData
    description: Description = ""


class ReportParams(Strict):
    """What a report is about; days are those of WINDROW_TIMEZONE, both ends included."""

    #: Of a custom report.
    first: Annotated[Day | None, Field(alias="from")] = None
    last: Annotated[Day | None, Field(alias="to")] = None
    #: Of a daily report; without it yesterday.
    day: Day | None = None
    #: Of a monthly report, `2026-01`; without it the last full one.
    month: Annotated[str | None, Field(pattern=r"^(19[7-9]\d|2\d{3})-(0[1-9]|1[0-2])$")] = None
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
                raise _flaw("fit", f"a {self.report_type} report takes no {name}")
        if self.report_type == "custom":
            if params.first is None or params.last is None:
                raise _flaw("fit", "a custom report wants from and to")
            if not 0 <= (params.last - params.first).days < MAX_REPORT_DAYS:
                raise _flaw(
                    "fit", f"from must not be after to, nor more than {MAX_REPORT_DAYS} days before it"
                )
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
