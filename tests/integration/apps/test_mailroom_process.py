"""Records that are processed: uploads through PostgreSQL, files at a URL, the ledger's own jobs; and the cleanup."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from pypdf import PdfReader

from tests.integration.apps.test_outbound import asked, site
from tests.support.app_tables import with_tables
from tests.support.databases import Databases
from windrow.core.ids import new_id
from windrow.core.job import NewJob
from windrow.store.accept import accept
from windrow.store.ledger import Ledger
from windrow_apps.mailroom import processing
from windrow_apps.mailroom.app import SPEC
from windrow_apps.mailroom.errors import NoRecords, ReportsMisplaced, UploadGone
from windrow_apps.mailroom.figures import Figures
from windrow_apps.mailroom.processing import process
from windrow_apps.mailroom.sections import SECTIONS, section
from windrow_apps.mailroom.settings import settings
from windrow_apps.mailroom.shelf import Shelf
from windrow_apps.mailroom.store import MailroomStore, Report
from windrow_apps.mailroom.tasks import build_report, cleanup, report_id
from windrow_apps.shared.outbound import OutboundRefused, OutboundSettings

__all__ = ["asked", "site"]
TODAY = datetime.now(UTC).date()
TODOS = """
CREATE SCHEMA todos;
CREATE TABLE todos.tasks (completed boolean, deadline timestamptz, created_at timestamptz, completed_at timestamptz);
INSERT INTO todos.tasks VALUES
    (true, NULL, now(), now()), (false, now() - interval '1 day', now(), NULL), (false, NULL, now(), NULL);
"""


@pytest.fixture(scope="module")
def database(databases: Databases) -> Iterator[str]:
    url = databases.create()
    yield with_tables(url, SPEC)
    databases.drop(url)


@pytest.fixture(autouse=True)
def env(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINDROW_DATABASE_URL", database)


@pytest.fixture
def reports() -> list[tuple[int, int]]:
    return []


def run(
    source: dict[str, Any], reports: list[tuple[int, int]] | None = None, networks: str = ""
) -> dict[str, Any]:
    seen = [] if reports is None else reports
    outbound = OutboundSettings(networks=networks, max_bytes=100_000, step_seconds=3)
    return process(source, settings(), outbound, lambda *done: seen.append(done))


def upload(*pieces: bytes) -> str:
    upload_id = uuid4()
    MailroomStore(settings()).save_upload(upload_id, pieces)
    return str(upload_id)


def sql(database: str, query: str) -> list[Any]:
    with psycopg.connect(database) as connection:
        return connection.execute(query.encode()).fetchall()


def test_an_upload_is_read_piece_by_piece_and_its_progress_told(
    reports: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processing, "REPORTS", 4)
    body = b"n,name\n" + b"".join(b"%d,name %d\n" % (n, n % 7) for n in range(10_000))
    cuts = [body[start : start + 9_999] for start in range(0, len(body), 9_999)]
    found = run({"kind": "upload", "id": upload(*cuts), "format": None}, reports)
    assert (found["records"], found["bytes"], found["unreadable"]["count"]) == (10_000, len(body), 0)
    n, name = found["columns"]
    assert (n["numeric"]["min"], n["numeric"]["max"], n["numeric"]["mean"]) == (0, 9999, 4999.5)
    assert name["distinct"] == 7
    assert reports[0] == (0, 10_001)
    assert reports[-1] == (10_000, 10_000)
    assert len(reports) == 6


def test_json_lines_are_read_again_the_same(database: str) -> None:
    source = {"kind": "upload", "id": upload(b'{"a": 1}\n', b'{"a": 2, "b": [1]}\n'), "format": "jsonl"}
    assert run(source) == run(source)
    assert [column["name"] for column in run(source)["columns"]] == ["a", "b"]


def test_an_upload_without_records_or_that_is_gone_says_so() -> None:
    with pytest.raises(NoRecords, match="empty"):
        run({"kind": "upload", "id": upload()})
    with pytest.raises(NoRecords, match="none of the 2 records"):
        run({"kind": "upload", "id": upload(b"[1]\n[2]\n"[1:])[:], "format": "jsonl"})
    with pytest.raises(UploadGone, match="send the records again"):
        run({"kind": "upload", "id": str(uuid4())})


def test_an_upload_that_breaks_off_leaves_nothing(database: str) -> None:
    def broken() -> Iterator[bytes]:
        yield b"a\n1\n"
        raise ConnectionError

    before = sql(database, "SELECT count(*) FROM mailroom.uploads")
    with pytest.raises(ConnectionError):
        MailroomStore(settings()).save_upload(uuid4(), broken())
    assert sql(database, "SELECT count(*) FROM mailroom.uploads") == before


def test_a_file_at_a_url_is_read_where_its_network_is_allowed(site: str, asked: list[Any]) -> None:
    source = {"kind": "url", "url": f"{site}/bytes/50", "format": "csv"}
    with pytest.raises(OutboundRefused):
        run(source)
    assert asked == []
    with pytest.raises(NoRecords):  # a header of fifty letters, and no row
        run(source, networks="127.0.0.1")
    with pytest.raises(OutboundRefused, match="longer"):
        run({**source, "url": f"{site}/bytes/100001"}, networks="127.0.0.1")


def keep_jobs(database: str, task: str, count: int) -> None:
    ledger = Ledger(database)
    jobs = [NewJob(new_id(), task, "default", "[[], {}]") for _ in range(count)]
    ledger.run(accept, jobs, True)
    ledger.close()


def test_the_ledgers_latest_jobs_are_records(database: str) -> None:
    keep_jobs(database, "other.task", 30)
    found = run({"kind": "jobs", "records": 20})
    assert found["records"] == 20
    columns = {column["name"]: column for column in found["columns"]}
    assert columns["task"]["top"] == [{"value": "other.task", "count": 20}]
    assert columns["state"]["top"][0]["value"] == "queued"
    # What a job's id is good for is not everybody's who may ask for statistics.
    assert "id" not in columns
    for records in (0, -1, 100_001):
        with pytest.raises(NoRecords, match="1 to 100000"):
            run({"kind": "jobs", "records": records})


def test_the_latest_jobs_are_the_newest_whatever_their_ids(database: str) -> None:
    ledger = Ledger(database)
    # Ids of callers sort above and below those of the ledger.
    for names, task in (
        (("zz-1", "00-1"), "old.own"),
        (None, "old.ours"),
        (("zz-2", "zz-3", "00-2"), "new.own"),
    ):
        ids = names or [new_id() for _ in range(5)]
        ledger.run(accept, [NewJob(each, task, "default", "[[], {}]") for each in ids], True)
    ledger.close()
    with psycopg.connect(database) as connection:
        connection.execute(
            "UPDATE windrow.jobs SET created_at = now() - interval '9 days' WHERE task = 'old.own'"
        )
        connection.execute(
            "UPDATE windrow.jobs SET state = 'succeeded', finished_at = now() WHERE id = 'zz-2'"
        )
    (row,) = [each for each in run({"kind": "jobs", "records": 6})["columns"] if each["name"] == "task"]
    assert row["top"] == [{"value": "new.own", "count": 3}, {"value": "old.ours", "count": 3}]
    for table, column in (("payloads", "job_id"), ("jobs", "id")):
        sql_script(
            database,
            f"DELETE FROM windrow.{table} WHERE {column} IN (SELECT id FROM windrow.jobs WHERE task ~ '^(old|new).o')",
        )


def finish(database: str, task: str, state: str, count: int, cls: str = "") -> None:
    keep_jobs(database, task, count)
    with psycopg.connect(database) as connection:
        connection.execute(
            "UPDATE windrow.jobs SET state = %s::windrow.job_state, attempt = 1, finished_at = clock_timestamp(),"
            " started_at = clock_timestamp() - interval '2 seconds' WHERE task = %s AND state = 'queued'",
            [state, task],
        )
        if cls:
            connection.execute(
                "INSERT INTO windrow.attempts (job_id, attempt, outcome, task, queue, error)"
                " SELECT id, 1, 'failed', task, queue, %s FROM windrow.jobs WHERE task = %s",
                [json.dumps({"cls": cls, "message": "secret \x00 \ud800"}), task],
            )


def test_sections_say_what_the_ledger_and_the_todos_hold(database: str) -> None:
    finish(database, "shop.order", "succeeded", 5)
    finish(database, "shop.pay", "failed", 2, "CardDeclined")
    figures = Figures(settings())
    assert figures.todos(TODAY, TODAY) is None
    sql_script(database, TODOS)
    figures.count_days(TODAY)
    figures.count_days(TODAY)
    made = {name: section(name, TODAY, TODAY, figures) for name in SECTIONS}
    assert json.loads(json.dumps(made)) == made
    assert ["Succeeded", "5 (71.4 %)"] in made["jobs"]["facts"]
    assert ["Failed", 2] in made["jobs"]["facts"]
    assert sum(made["jobs"]["charts"][0]["series"][0]["values"]) == 5
    assert ["shop.order", 5, 0, 0, 2.0, 2.0] in [
        [*row[:4], round(row[4], 1), round(row[5], 1)] if row[4] != "-" else row
        for row in made["tasks"]["tables"][0]["rows"]
    ]
    assert made["failures"]["tables"][0]["rows"][0][:3] == ["shop.pay", "CardDeclined", 2]
    assert "secret" not in json.dumps(made)
    assert made["todos"]["facts"] == [["Created", 3], ["Completed", 1], ["Open", 2], ["Overdue", 1]]
    week = section("jobs", TODAY - timedelta(days=100), TODAY, figures)
    assert week["charts"][0]["title"] == "Ended jobs by week"


def sql_script(database: str, script: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute(script.encode())


def test_totals_stay_when_the_ledger_forgets_its_jobs(database: str) -> None:
    figures = Figures(settings())
    finish(database, "gone.soon", "succeeded", 3)
    figures.count_days(TODAY)
    sql_script(database, "DELETE FROM windrow.jobs WHERE task = 'gone.soon'")
    figures.count_days(TODAY)
    totals = {row["task"]: row["succeeded"] for row in figures.tasks(TODAY, TODAY, 100)}
    assert totals["gone.soon"] == 3


@pytest.mark.parametrize("place", ["database", "folder"])
def test_a_report_is_kept_found_replaced_and_removed(
    database: str, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if place == "folder":
        monkeypatch.setenv("WINDROW_MAILROOM_REPORTS", str(tmp_path))
    monkeypatch.setenv("WINDROW_MAILROOM_PUBLIC_URL", "https://w.example.com/")
    plan = {
        "report_id": str(uuid4()),
        "report_type": "daily",
        "first": TODAY.isoformat(),
        "last": TODAY.isoformat(),
    }
    parts = [section(name, TODAY, TODAY, Figures(settings())) for name in ("mails", "tasks")]
    done = build_report.apply(args=[parts, plan]).get()
    again = build_report.apply(args=[parts, plan]).get()
    assert done == again
    assert done["report_url"] == f"https://w.example.com/reports/{plan['report_id']}.pdf"
    shelf = Shelf(settings())
    pdf = shelf.get(UUID(plan["report_id"]))
    assert pdf is not None
    assert len(pdf) == done["bytes"]
    (tmp_path / "x.pdf").write_bytes(pdf)
    reader = PdfReader(tmp_path / "x.pdf")
    assert len(reader.pages) == done["pages"]
    assert "Sent (kept for two days)" in reader.pages[0].extract_text()
    files = [path.name for path in tmp_path.iterdir() if path.name != "x.pdf"]
    assert files == ([f"{plan['report_id']}.pdf"] if place == "folder" else [])
    assert shelf.get(uuid4()) is None
    sql_script(database, "UPDATE mailroom.reports SET created_at = created_at - interval '31 days'")
    assert cleanup.apply().get()["reports"] == 1
    assert shelf.get(UUID(plan["report_id"])) is None
    assert [path.name for path in tmp_path.iterdir()] == ["x.pdf"]


def test_a_folder_that_cannot_be_written_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WINDROW_MAILROOM_REPORTS", str(tmp_path / "missing"))
    report = Report(uuid4(), "daily", TODAY, TODAY, 1, 5)
    with pytest.raises(ReportsMisplaced, match="cannot be written"):
        Shelf(settings()).put(report, b"%PDF-")


def test_the_cleanup_removes_what_is_old_and_nothing_else(database: str) -> None:
    store = MailroomStore(settings())
    for name in ("old", "new"):
        store.claim(name, f"<{name}@example.com>", name)
    old, new = upload(b"a\n1\n" * 10), upload(b"a\n1\n")
    sql_script(
        database,
        "UPDATE mailroom.mails SET claimed_at = claimed_at - interval '3 days', claim_until = claim_until"
        " - interval '3 days' WHERE content_hash = 'old';"
        f"UPDATE mailroom.uploads SET created_at = created_at - interval '80 hours' WHERE id = '{old}';"
        "INSERT INTO mailroom.days VALUES ('2001-01-01', 't', 1, 1, 1, 1, 1);",
    )
    removed = cleanup.apply().get()
    assert (removed["mails"], removed["uploads"], removed["days"]) == (1, 1, 1)
    assert store.upload(UUID(old)) is None
    assert store.upload(UUID(new)) == (4, 2)
    assert sql(database, f"SELECT count(*) FROM mailroom.upload_pieces WHERE upload_id = '{old}'") == [(0,)]
    assert not any(cleanup.apply().get().values())


def test_a_count_that_takes_too_long_keeps_nothing_that_is_old(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(*_: Any) -> None:
        raise psycopg.errors.QueryCanceled

    old = upload(b"a\n1\n")
    sql_script(
        database,
        f"UPDATE mailroom.uploads SET created_at = created_at - interval '80 hours' WHERE id = '{old}'",
    )
    monkeypatch.setattr(Figures, "count_days", slow)
    with pytest.raises(psycopg.errors.QueryCanceled):
        cleanup()
    assert MailroomStore(settings()).upload(UUID(old)) is None


def test_the_mails_of_a_whole_day_are_there_when_the_next_day_reports_them(database: str) -> None:
    store, figures = MailroomStore(settings()), Figures(settings())
    store.claim("yesterday", "<yesterday@example.com>", "yesterday")
    store.record_sent("yesterday", "<yesterday@example.com>")
    sql_script(
        database,
        "UPDATE mailroom.mails SET claimed_at = claimed_at - interval '47 hours', claim_until = claim_until"
        " - interval '47 hours', sent_at = sent_at - interval '47 hours' WHERE content_hash = 'yesterday'",
    )
    assert cleanup.apply().get()["mails"] == 0
    assert figures.mails(TODAY - timedelta(days=3), TODAY)["sent"] == 1
    # Kept to be counted, not to be taken for the same mail.
    assert store.claim("yesterday", "<again@example.com>", "again").tries == 1


def test_half_a_surrogate_pair_in_records_leaves_an_answer_that_can_be_sent() -> None:
    records = b'{"\\ud800": "\\udfff", "b": ["\\ud83d"]}\n'
    found = run({"kind": "upload", "id": upload(records), "format": "jsonl"})
    assert [column["name"] for column in found["columns"]] == ["?", "b"]
    json.dumps(found, ensure_ascii=False).encode()


def test_a_job_with_an_id_of_its_own_has_a_report_too() -> None:
    assert report_id("0198d2c0-0000-7000-8000-000000000001") == UUID("0198d2c0-0000-7000-8000-000000000001")
    assert report_id("my-report") == report_id("my-report") != report_id("other")
