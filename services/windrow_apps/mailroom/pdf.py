"""A report as PDF: facts, tables and charts of its sections, with fonts that are in the file."""

from __future__ import annotations

import io
from typing import Any, NamedTuple

from reportlab.graphics.charts.barcharts import VerticalBarChart
from reportlab.graphics.charts.legends import Legend
from reportlab.graphics.charts.piecharts import Pie
from reportlab.graphics.shapes import Drawing
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import KeepTogether, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from windrow_apps.mailroom import letters
from windrow_apps.mailroom.letters import BOLD, FONT

MARGIN = 18 * mm
#: Of what is inside the frame, whose padding is 6 points a side.
WIDTH = A4[0] - 2 * MARGIN - 12
PALETTE = [
    colors.HexColor(code)
    for code in ("#2f6f9f", "#c8553d", "#588157", "#e0a458", "#6d597a", "#4d908e", "#8d99ae", "#b5838d")
]
INK, FAINT = colors.HexColor("#22303c"), colors.HexColor("#d9e0e6")
MAX_CELL_CHARACTERS = 120


class Pdf(NamedTuple):
    """A file, and how many pages it has."""

    content: bytes
    pages: int


def build_pdf(title: str, subtitle: str, sections: list[dict[str, Any]]) -> Pdf:
    """The report; the same sections make the same bytes."""
    letters.register()
    styles = _Styles()
    story: list[Any] = [_paragraph(title, styles.title), _paragraph(subtitle, styles.text)]
    for section in sections:
        story += _section(section, styles)
    into = io.BytesIO()
    document = SimpleDocTemplate(
        into,
        pagesize=A4,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN,
        bottomMargin=MARGIN + 4 * mm,
        title=title,
        author="Windrow mailroom",
        invariant=1,
    )

    def footer(canvas: Any, page: Any) -> None:
        canvas.saveState()
        canvas.setFont(FONT, 7)
        canvas.setFillColor(INK)
        canvas.drawString(MARGIN, MARGIN / 2, f"{title} · {subtitle}")
        canvas.drawRightString(A4[0] - MARGIN, MARGIN / 2, f"Page {page.page}")
        canvas.restoreState()

    document.build(story, onFirstPage=footer, onLaterPages=footer)
    return Pdf(into.getvalue(), document.page)


class _Styles:
    def __init__(self) -> None:
        self.title = ParagraphStyle("title", fontName=BOLD, fontSize=20, leading=26, textColor=INK)
        self.heading = ParagraphStyle(
            "heading",
            fontName=BOLD,
            fontSize=13,
            leading=17,
            spaceBefore=12,
            spaceAfter=4,
            textColor=PALETTE[0],
        )
        self.small = ParagraphStyle(
            "small", fontName=BOLD, fontSize=8.5, leading=12, spaceBefore=6, spaceAfter=2, textColor=INK
        )
        # A heading alone at the foot of a page helps nobody.
        self.table = ParagraphStyle("table", parent=self.small, keepWithNext=1)
        self.text = ParagraphStyle("text", fontName=FONT, fontSize=9, leading=12, textColor=INK)
        self.cell = ParagraphStyle(
            "cell", fontName=FONT, fontSize=7.5, leading=9.5, textColor=INK, wordWrap="CJK"
        )
        self.head = ParagraphStyle("head", parent=self.cell, fontName=BOLD)


def _section(section: dict[str, Any], styles: _Styles) -> list[Any]:
    first: list[Any] = [_paragraph(section["title"], styles.heading)]
    if section["facts"]:
        rows = [[_cell(label, styles.cell), _cell(value, styles.head)] for label, value in section["facts"]]
        first.append(Table(rows, colWidths=[60 * mm, WIDTH - 60 * mm], style=_lines(0)))
    blocks = [
        [_paragraph(chart["title"], styles.small), _chart(chart), Spacer(1, 3 * mm)]
        for chart in section["charts"]
    ]
    story: list[Any] = [KeepTogether([*first, *(blocks[0] if blocks else [])])]
    story += [KeepTogether(block) for block in blocks[1:]]
    for table in section["tables"]:
        story += [_paragraph(table["title"], styles.table), _table(table, styles)]
    return story


def _table(table: dict[str, Any], styles: _Styles) -> Table:
    columns = len(table["head"])
    # Names on the left get the room that numbers on the right do not want.
    narrow = 22 * mm if columns > 3 else 35 * mm
    widths = [WIDTH - narrow * (columns - 1), *[narrow] * (columns - 1)]
    rows = [[_cell(text, styles.head) for text in table["head"]]]
    rows += [[_cell(value, styles.cell) for value in row] for row in table["rows"]]
    return Table(rows, colWidths=widths, repeatRows=1, style=_lines(1))


def _lines(head: int) -> TableStyle:
    rules: list[Any] = [
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LINEBELOW", (0, 0), (-1, -1), 0.4, FAINT),
        ("TOPPADDING", (0, 0), (-1, -1), 2),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
        ("LEFTPADDING", (0, 0), (-1, -1), 2),
    ]
    if head:
        rules.append(("BACKGROUND", (0, 0), (-1, 0), FAINT))
    return TableStyle(rules)


def _cell(value: Any, style: ParagraphStyle) -> Paragraph:
    text = str(value)
    cut = text if len(text) <= MAX_CELL_CHARACTERS else text[: MAX_CELL_CHARACTERS - 1] + "…"
    return _paragraph(cut, style)


def _paragraph(text: str, style: ParagraphStyle) -> Paragraph:
    return Paragraph(letters.markup(text, style.fontName), style)


def _chart(chart: dict[str, Any]) -> Drawing:
    drawing = Drawing(WIDTH, 58 * mm)
    drawing.add(_bars(chart) if chart["kind"] == "bars" else _pie(chart))
    if chart["kind"] == "bars":
        pairs = [(PALETTE[n % len(PALETTE)], each["name"]) for n, each in enumerate(chart["series"])]
    else:
        values = chart["series"][0]["values"]
        named = zip(chart["labels"], values, strict=True)
        pairs = [
            (PALETTE[n % len(PALETTE)], f"{_short(label)} ({value})")
            for n, (label, value) in enumerate(named)
        ]
    legend = Legend()
    legend.x, legend.y = WIDTH - 58 * mm, 52 * mm
    font, names = letters.in_one_font([name for _, name in pairs])
    legend.fontName, legend.fontSize = font, 7
    legend.alignment, legend.columnMaximum, legend.dy, legend.deltay = "right", 12, 6, 9
    legend.colorNamePairs = [(color, name) for (color, _), name in zip(pairs, names, strict=True)]
    drawing.add(legend)
    return drawing


def _bars(chart: dict[str, Any]) -> VerticalBarChart:
    bars = VerticalBarChart()
    bars.x, bars.y, bars.width, bars.height = 10 * mm, 9 * mm, WIDTH - 72 * mm, 46 * mm
    bars.data = [tuple(each["values"]) for each in chart["series"]]
    bars.categoryAxis.style = "stacked"
    bars.categoryAxis.categoryNames = _thinned(chart["labels"])
    bars.categoryAxis.labels.fontName = bars.valueAxis.labels.fontName = FONT
    bars.categoryAxis.labels.fontSize = bars.valueAxis.labels.fontSize = 6
    bars.categoryAxis.strokeColor = bars.valueAxis.strokeColor = INK
    highest = max((sum(values) for values in zip(*bars.data, strict=True)), default=0)
    bars.valueAxis.valueMin, bars.valueAxis.valueMax = 0, max(1, highest)
    bars.valueAxis.labelTextFormat = "%d"
    bars.valueAxis.valueStep = max(1, -(-highest // 5))
    bars.barSpacing, bars.groupSpacing = 0, 2
    for n in range(len(bars.data)):
        bars.bars[n].fillColor, bars.bars[n].strokeColor = PALETTE[n % len(PALETTE)], None
    return bars


def _pie(chart: dict[str, Any]) -> Pie:
    pie = Pie()
    pie.x, pie.y, pie.width, pie.height = 20 * mm, 6 * mm, 46 * mm, 46 * mm
    pie.data = list(chart["series"][0]["values"])
    pie.slices.strokeColor, pie.slices.strokeWidth = colors.white, 0.5
    for n in range(len(pie.data)):
        pie.slices[n].fillColor = PALETTE[n % len(PALETTE)]
    return pie


def _thinned(labels: list[str]) -> list[str]:
    """At most a dozen of the labels, so that they do not overlap."""
    step = -(-len(labels) // 12)
    return [label if n % step == 0 else "" for n, label in enumerate(labels)]


def _short(label: str) -> str:
    return label if len(label) <= 30 else label[:29] + "…"
