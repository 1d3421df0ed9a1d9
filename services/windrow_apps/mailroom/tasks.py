"""The tasks of the mailroom: plain Celery tasks."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import psycopg
from celery import chain, chord, group, shared_task

from windrow_apps.mailroom import sections
from windrow_apps.mailroom.errors import MailInFlight
from windrow_apps.mailroom.figures import Figures
from windrow_apps.mailroom.mailing import Mail, mail_once
from windrow_apps.mailroom.models import ReportRequest, ReportType
from windrow_apps.mailroom.periods import period
from windrow_apps.mailroom.processing import process
from windrow_apps.mailroom.settings import settings
from windrow_apps.mailroom.shelf import Shelf
from windrow_apps.mailroom.store import MailroomStore, Report
from windrow_apps.mailroom.task import MAX_MAIL_RETRIES, MailroomTask
from windrow_apps.shared.outbound import OutboundUnavailable, outbound_settings
from windrow_apps.shared.smtp import MailTransient, smtp_settings

MAIL_SECONDS = 240
#: A larger report is mailed as its address only.
MAX_ATTACHMENT_BYTES = 5 * 1024 * 1024
LATER = (MailTransient, MailInFlight, psycopg.OperationalError)
#: Without database: five times again, a minute apart at most.
PATIENT: dict[str, Any] = {
    "autoretry_for": (psycopg.OperationalError,),
    "retry_backoff": True,
    "retry_backoff_max": 60,
    "retry_jitter": True,
    "max_retries": 5,
}
#: Of the jobs that a report is made of: nobody waits for them.
BEHIND = 1


@shared_task(
    bind=True,
    base=MailroomTask,
    name="mailroom.send_email",
    max_retries=MAX_MAIL_RETRIES,
    time_limit=MAIL_SECONDS,
)
def send_email(self: Any, email: str, subject: str, body: str) -> dict[str, Any]:
    """Send a mail, once a day: equal content is `already_sent`."""
    try:
        return mail_once(Mail(email, subject, body), self.request.id, settings(), smtp_settings())
    except LATER as error:
        raise self.mail_again(error) from error


@shared_task(
    bind=True,
    base=MailroomTask,
    name="mailroom.process_records",
    **{**PATIENT, "autoretry_for": (psycopg.OperationalError, OutboundUnavailable)},
)
def process_records(self: Any, source: dict[str, Any], description: str = "") -> dict[str, Any]:
    """Statistics of each column of an upload, of what is at a URL, or of the ledger's latest jobs."""

    def report(current: int, total: int) -> None:
        meta = {"current": current, "total": total, "status": f"{current} of {total} records"}
        self.update_state(state="PROGRESS", meta=meta)

    found = process(source, settings(), outbound_settings(), report)
    return {"description": description, "source": source["kind"], **found}


@shared_task(bind=True, base=MailroomTask, name="mailroom.report", **PATIENT)
def report(self: Any, report_type: ReportType, params: dict[str, Any], scheduled: bool = False) -> Any:
    """Make a report: a job for each section, one that builds the PDF of them, and one that mails it."""
    # A job may come by other ways than our route.
    ReportRequest.model_validate({"report_type": report_type, "params": params})
    mine = settings()
    today = datetime.now(mine.zone).date()
    first, last, _ = period(report_type, params, today)
    Figures(mine).count_days(today)
    email = params.get("email") or (mine.report_email if scheduled else "")
    names = params.get("sections") or list(sections.SECTIONS)
    plan = {
        "report_id": str(report_id(self.request.id)),
        "report_type": report_type,
        "first": first.isoformat(),
        "last": last.isoformat(),
    }
    parts = group(
        report_section.s(name, first.isoformat(), last.isoformat()).set(priority=BEHIND) for name in names
    )
    body = build_report.s(plan).set(priority=BEHIND)
    # This job goes on as the last one of the chain: its result is what the caller's id answers with.
    return self.replace(chain(chord(parts, body), mail_report.s(email).set(priority=BEHIND)))


@shared_task(base=MailroomTask, name="mailroom.report_section", **PATIENT)
def report_section(name: str, first: str, last: str) -> dict[str, Any]:
    """The data of one section, for the days from `first` to `last`."""
    return sections.section(name, date.fromisoformat(first), date.fromisoformat(last), Figures(settings()))


@shared_task(base=MailroomTask, name="mailroom.build_report", **PATIENT)
def build_report(parts: list[dict[str, Any]], plan: dict[str, Any]) -> dict[str, Any]:
    """Build the PDF of the sections, and keep it."""
    # Half a second of imports that a worker for mail does without.
    from windrow_apps.mailroom.pdf import build_pdf

    mine = settings()
    first, last = date.fromisoformat(plan["first"]), date.fromisoformat(plan["last"])
    title = {"daily": "Daily report", "monthly": "Monthly report"}.get(plan["report_type"], "Report")
    days = first.isoformat() if first == last else f"{first.isoformat()} to {last.isoformat()}"
    pdf = build_pdf(title, f"{days}, {mine.timezone}", parts)
    report = Report(UUID(plan["report_id"]), plan["report_type"], first, last, pdf.pages, len(pdf.content))
    Shelf(mine).put(report, pdf.content)
    return {
        "report_type": plan["report_type"],
        "from": plan["first"],
        "to": plan["last"],
        "report_url": f"{mine.public_url.rstrip('/')}/reports/{report.id}.pdf",
        "pages": report.pages,
        "bytes": report.bytes,
    }


@shared_task(
    bind=True,
    base=MailroomTask,
    name="mailroom.mail_report",
    max_retries=MAX_MAIL_RETRIES,
    time_limit=MAIL_SECONDS,
)
def mail_report(self: Any, made: dict[str, Any], email: str) -> dict[str, Any]:
    """Mail a report where there is somebody to mail it to; the result is the report's."""
    if not email:
        return made
    days = made["from"] if made["from"] == made["to"] else f"{made['from']} to {made['to']}"
    url = made["report_url"]
    try:
        pdf = Shelf(settings()).get(UUID(url.rpartition("/")[2].removesuffix(".pdf")))
        attached = pdf is not None and len(pdf) <= MAX_ATTACHMENT_BYTES
        mail = Mail(
            email,
            f"{made['report_type'].capitalize()} report, {days}",
            f"The {made['report_type']} report of {days} has {made['pages']} pages.\n\n{url}\n",
            (f"report-{made['to']}.pdf", pdf) if attached and pdf is not None else None,
            about=url,
        )
        return {**made, "mail": mail_once(mail, self.request.id, settings(), smtp_settings())}
    except LATER as error:
        raise self.mail_again(error) from error


@shared_task(base=MailroomTask, name="mailroom.cleanup", **PATIENT)
def cleanup() -> dict[str, int]:
    """Remove what is old: mails, uploads, reports, daily totals; then count the last days."""
    mine = settings()
    store = MailroomStore(mine)
    removed = {kind: sum(map(len, store.remove_old(kind))) for kind in ("mails", "uploads", "days")}
    removed["reports"] = Shelf(mine).remove_old()
    # Last: a count that takes too long must not keep what is old, for uploads fill up.
    Figures(mine).count_days(datetime.now(mine.zone).date())
    return removed


def report_id(job_id: str) -> UUID:
    """The report's id: the job's, or one made of it where a caller brought an id of another form."""
    try:
        return UUID(job_id)
    except ValueError:
        return uuid5(NAMESPACE_URL, job_id)
