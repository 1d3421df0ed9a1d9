"""Reports as PDF: opened again, their text, fonts and charts are there."""

from __future__ import annotations

import io
import re
from datetime import date
from typing import Any

import pytest
from pypdf import PageObject, PdfReader

from windrow_apps.mailroom.pdf import build_pdf
from windrow_apps.mailroom.periods import period

BARS = {
    "kind": "bars",
    "title": "Ended jobs by day",
    "labels": ["01.11.", "02.11.", "03.11."],
    "series": [{"name": "succeeded", "values": [3, 0, 7]}, {"name": "failed", "values": [0, 0, 1]}],
}
PIE = {
    "kind": "pie",
    "title": "By task",
    "labels": ["todos.export", "mailroom.send_email"],
    "series": [{"name": "ended", "values": [2, 5]}],
}
TABLE = {"title": "The busiest", "head": ["Task", "Jobs"], "rows": [["Größe <Ærø> & façade", 12]]}


def section(**changes: Any) -> dict[str, Any]:
    return {"name": "jobs", "title": "Jobs", "facts": [["Ended", 11]], "tables": [], "charts": [], **changes}


def opened(sections: list[dict[str, Any]]) -> tuple[PdfReader, int]:
    pdf = build_pdf("Daily report", "2026-11-30, UTC", sections)
    assert pdf.content.startswith(b"%PDF-")
    return PdfReader(io.BytesIO(pdf.content)), pdf.pages


def drawn(page: PageObject, operator: str) -> int:
    contents = page.get_contents()
    assert contents is not None
    return len(re.findall(rf"(?m)(?:^|\s){operator}(?:\s|$)", contents.get_data().decode("latin-1")))


def test_text_tables_and_title_are_in_the_file() -> None:
    reader, pages = opened([section(tables=[TABLE])])
    assert pages == len(reader.pages) == 1
    text = reader.pages[0].extract_text()
    for part in ("Daily report", "2026-11-30, UTC", "Jobs", "Ended", "11", "Größe <Ærø> & façade", "Page 1"):
        assert part in text
    assert reader.metadata is not None
    assert reader.metadata.title == "Daily report"


def test_its_fonts_are_in_the_file() -> None:
    reader, _ = opened([section(tables=[TABLE], charts=[BARS])])
    used: Any = reader.pages[0]["/Resources"]
    embedded = [
        font.get_object()
        for font in used["/Font"].values()
        if "/FontDescriptor" in font.get_object() and "/FontFile2" in font.get_object()["/FontDescriptor"]
    ]
    assert len(embedded) >= 2


def fonts(reader: PdfReader) -> dict[str, bool]:
    """Fonts of the first page by their base name, and whether they are in the file."""
    used: Any = reader.pages[0]["/Resources"]
    found = {}
    for reference in used["/Font"].values():
        font = reference.get_object()
        descriptor = font.get("/FontDescriptor")
        found[str(font["/BaseFont"])] = descriptor is not None and "/FontFile2" in descriptor.get_object()
    return found


def test_letters_beyond_latin_are_in_the_file_or_left_to_the_reader() -> None:
    names = [
        "Zażółć gęślą jaźń",
        "Ελληνικά έργα",
        "Відправка листів",
        "日本語のタスク",
        "한국어 작업",
        "中文任务",
    ]
    table = {"title": "Zadania", "head": ["Task", "Jobs"], "rows": [[name, 1] for name in names]}
    pie = {**PIE, "labels": ["Zażółć", "Ελληνικά"]}
    east = {**PIE, "labels": ["タスク", "mailroom.send_email"]}
    reader, _ = opened([section(tables=[table], charts=[pie, east], facts=[["Największe", "ジョブ"]])])
    text = "".join(page.extract_text() for page in reader.pages)
    for part in [*names, "Największe", "ジョブ", "Zażółć (2)", "タスク (2)", "mailroom.send_email (5)"]:
        assert part in text, part
    assert "\ufffd" not in text
    inside = {name.partition("+")[2] for name, embedded in fonts(reader).items() if embedded}
    assert any("Noto" in name for name in inside)
    assert any("Vera" in name for name in inside)
    # Megabytes of ideographs are not.
    assert len(build_pdf("T", "S", [section(tables=[table])]).content) < 100_000


def test_what_no_font_has_is_replaced_where_it_stood() -> None:
    rows = [["do 🎉 it", 1], ["مهمة", 2]]
    reader, _ = opened([section(tables=[{**TABLE, "rows": rows}], charts=[{**PIE, "labels": ["a🎉b", "Ж"]}])])
    text = reader.pages[0].extract_text()
    for part in ("do \ufffd it", "\ufffd" * 4, "a\ufffdb (2)", "Ж (5)"):
        assert part in text, part


def test_charts_are_drawn() -> None:
    plain, _ = opened([section()])
    bars, _ = opened([section(charts=[BARS])])
    pie, _ = opened([section(charts=[PIE])])
    # A bar is filled as a rectangle, a slice as curves.
    assert drawn(bars.pages[0], "re") >= drawn(plain.pages[0], "re") + 3
    assert drawn(pie.pages[0], "c") >= drawn(plain.pages[0], "c") + 4
    assert "mailroom.send_email (5)" in pie.pages[0].extract_text()
    assert "succeeded" in bars.pages[0].extract_text()


def test_a_long_report_has_pages_with_numbers_and_the_heading_of_its_table_again() -> None:
    rows = [[f"task.number_{n}", n] for n in range(150)]
    reader, pages = opened([section(charts=[BARS, PIE], tables=[{**TABLE, "rows": rows}])])
    assert pages == len(reader.pages) > 3
    # Nothing starts on a page of its own: the first chart stands under the title.
    assert "Ended jobs by day" in reader.pages[0].extract_text()
    for number, page in enumerate(reader.pages, 1):
        assert f"Page {number}" in page.extract_text()
    assert "task.number_149" in reader.pages[-1].extract_text()
    assert "Jobs" in reader.pages[-1].extract_text()


def test_a_chart_without_anything_is_still_one() -> None:
    empty = {**BARS, "series": [{"name": "succeeded", "values": [0, 0, 0]}]}
    assert opened([section(charts=[empty])])[1] == 1


def test_the_same_data_makes_the_same_file() -> None:
    sections = [section(charts=[BARS, PIE], tables=[TABLE])]
    assert build_pdf("T", "S", sections).content == build_pdf("T", "S", sections).content


@pytest.mark.parametrize(
    ("report_type", "params", "first", "last"),
    [
        ("daily", {}, "2026-02-28", "2026-02-28"),
        ("daily", {"day": "2024-02-29"}, "2024-02-29", "2024-02-29"),
        ("monthly", {}, "2026-02-01", "2026-02-28"),
        ("monthly", {"month": "2024-12"}, "2024-12-01", "2024-12-31"),
        ("custom", {"from": "2026-01-01", "to": "2026-01-07"}, "2026-01-01", "2026-01-07"),
    ],
)
def test_each_type_has_its_days(report_type: str, params: dict[str, Any], first: str, last: str) -> None:
    found = period(report_type, params, date(2026, 3, 1))
    assert (found.first.isoformat(), found.last.isoformat()) == (first, last)


def test_a_report_of_an_unknown_type_names_the_known() -> None:
    with pytest.raises(ValueError, match="daily, monthly or custom"):
        period("yearly", {}, date(2026, 3, 1))
