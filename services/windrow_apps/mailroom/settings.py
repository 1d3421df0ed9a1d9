"""The settings of the mailroom app, from the environment of the process that asks for them."""

from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

GIB = 1024 * 1024 * 1024
IN_DATABASE = "database"


class MailroomSettings(BaseSettings):
    """What is kept, where and how long; and whom mail may go to.

    Each field is read from `WINDROW_MAILROOM_<NAME>`, `timezone` from `WINDROW_TIMEZONE`. The mail server is
    WINDROW_SMTP_*, what callers' URLs may reach WINDROW_OUTBOUND_*, the database WINDROW_APP_*.
    """

    model_config = SettingsConfigDict(env_prefix="WINDROW_MAILROOM_", frozen=True, extra="ignore")

    #: IANA time zone of the reports' days; beat's.
    timezone: str = Field(default="UTC", validation_alias="WINDROW_TIMEZONE")

    #: Priority, 0 to 9 and 9 first, where a request names none: people wait for mail, nobody waits for a report.
    email_priority: int = Field(default=9, ge=0, le=9)
    process_priority: int = Field(default=4, ge=0, le=9)
    report_priority: int = Field(default=1, ge=0, le=9)
    #: Seconds after which a mail that was claimed and never recorded is another job's to send. Longer than one may
    #: take: the task's own limit is 240.
    claim_seconds: float = Field(default=300, ge=1, le=3600)

    #: Bytes of all uploads that are kept; beyond it new ones are refused.
    upload_total_bytes: int = Field(default=GIB, ge=1024)
    #: Hours that an upload is kept: its job may be run again so long.
    upload_hours: float = Field(default=72, gt=0)

    #: `database`, or the path of a folder that workers write and the API reads.
    reports: str = IN_DATABASE
    #: Days that a report is kept.
    report_days: float = Field(default=30, gt=0)
    #: Days that the daily totals are kept.
    totals_days: int = Field(default=800, ge=32)
    #: Address that the report of each morning goes to; empty: it is only kept.
    report_email: str = ""
    #: What `report_url` begins with, e.g. `https://windrow.example.com`; empty: it is a path.
    public_url: str = ""

    @field_validator("timezone")
    @classmethod
    def _known(cls, name: str) -> str:
        ZoneInfo(name)
        return name

    @property
    def zone(self) -> ZoneInfo:
        """`timezone`, loaded."""
        return ZoneInfo(self.timezone)

    @property
    def folder(self) -> Path | None:
        """Where reports are files; None: they are rows."""
        return None if self.reports == IN_DATABASE else Path(self.reports)


def settings() -> MailroomSettings:
    """Read the settings now; for entry points: a task's body and the router's factory."""
    return MailroomSettings()
