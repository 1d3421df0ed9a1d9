"""Draw the dashboards' panels from what a Prometheus has, for the pages of docs: Grafana itself is not needed.

usage: python -m infra.dashboards.draw PROMETHEUS_URL SINCE FOLDER [NAMESPACE [DASHBOARD...]]

SINCE in seconds of Unix time; by default the namespace `jobs` and all dashboards.
"""

from __future__ import annotations

import json
import math
import re
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import matplotlib as mpl
from infra.dashboards.__main__ import FOLDER
from matplotlib import pyplot
from matplotlib.figure import Figure
from PIL import Image

mpl.use("agg")
#: Inches of a column and of a row of Grafana's grid of 24 columns.
COLUMN, ROW = 0.52, 0.30
DPI = 85
#: Colours of a picture: what keeps it small.
COLOURS = 200
STEP_SECONDS = 2
WINDOW = "14s"
ASK_SECONDS = 20
MOST_LINES = 8
NO_DATA = "no data here"
WANTS_A_CLUSTER = "from a cluster: kube-state-metrics, KEDA"
Series = tuple[str, Sequence[float], Sequence[float]]


class Source:
    """A Prometheus from a moment on."""

    def __init__(self, url: str, since: float, namespace: str = "jobs") -> None:
        self._url = url
        self._namespace = namespace
        self.since = since
        self.until = time.time()

    def series(self, target: Mapping[str, Any]) -> list[Series]:
        """Name, minutes since the beginning and values of each series of a panel's query."""
        span = f"{int(self.until - self.since)}s"
        values = {
            "$__rate_interval": WINDOW,
            "$__range": span,
            "$namespace": self._namespace,
            "$queue": ".*",
            "$task": ".*",
        }
        expr = str(target["expr"])
        for variable, value in values.items():
            expr = expr.replace(variable, value)
        asked = {"query": expr, "start": self.since, "end": self.until, "step": STEP_SECONDS}
        with urlopen(f"{self._url}/api/v1/query_range?{urlencode(asked)}", timeout=ASK_SECONDS) as answer:
            found = json.load(answer)["data"]["result"]
        return [self._one(str(target.get("legendFormat", "")), series) for series in found]

    def _one(self, legend: str, series: Mapping[str, Any]) -> Series:
        labels = series["metric"]
        if not legend:
            hidden = {"__name__", "job", "instance", "pod", "namespace"}
            legend = " ".join(value for name, value in sorted(labels.items()) if name not in hidden)
        name = re.sub(r"{{(\w+)}}", lambda found: labels.get(found[1], ""), legend)
        return (
            name,
            [(float(at) - self.since) / 60 for at, _ in series["values"]],
            [float(value) for _, value in series["values"]],
        )


def draw(board: Mapping[str, Any], source: Source) -> Figure:
    """One dashboard, its panels where Grafana has them."""
    panels = board["panels"]
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels)
    figure = pyplot.figure(figsize=(24 * COLUMN, rows * ROW), dpi=DPI, facecolor="#f4f5f5")
    for panel in panels:
        place = panel["gridPos"]
        left, bottom = place["x"] / 24, 1 - (place["y"] + place["h"]) / rows
        if panel["type"] == "row":
            figure.text(
                0.008, bottom + 0.3 / rows, panel["title"], fontsize=10, weight="bold", color="#24292e"
            )
            continue
        wide, high = place["w"] / 24, place["h"] / rows
        axes = figure.add_axes((left + 0.004, bottom + 0.15 / rows, wide - 0.008, high - 0.3 / rows))
        axes.set_xticks([]), axes.set_yticks([])
        for side in axes.spines.values():
            side.set_color("#d9dadb")
        axes.set_facecolor("white")
        axes.text(
            0.015 * 24 / place["w"],
            1 - 0.7 / place["h"],
            panel["title"],
            fontsize=8,
            transform=axes.transAxes,
            weight="bold",
        )
        found = [one for target in panel["targets"] for one in source.series(target)]
        inner = figure.add_axes(
            (
                left + (0.012 if panel["type"] == "table" else 0.045),
                bottom + 2.2 / rows,
                wide - (0.024 if panel["type"] == "table" else 0.06),
                high - 3.6 / rows,
            )
            if place["h"] > 4
            else (left, bottom, wide, high),
            frameon=False,
        )
        _fill(inner, panel, found, (source.until - source.since) / 60)
    return figure


def _fill(axes: Any, panel: Mapping[str, Any], found: Sequence[Series], minutes: float) -> None:
    unit = panel["fieldConfig"]["defaults"].get("unit", "short")
    real = [(name, x, y) for name, x, y in found if any(not math.isnan(value) for value in y)]
    if not real:
        axes.set_axis_off()
        asked = " ".join(target["expr"] for target in panel["targets"])
        text = NO_DATA if "windrow_" in asked or "ALERTS" in asked else WANTS_A_CLUSTER
        axes.text(
            0.5, 0.5, text, ha="center", va="center", fontsize=7, color="#8e8e8e", transform=axes.transAxes
        )
        return
    if panel["type"] == "stat":
        axes.set_axis_off()
        value = [value for value in real[0][2] if not math.isnan(value)][-1]
        axes.text(
            0.5,
            0.4,
            _number(round(value) if unit == "short" else value, unit),
            ha="center",
            va="center",
            fontsize=17,
            color=_colour(panel, value),
            transform=axes.transAxes,
        )
        return
    if panel["type"] == "table":
        axes.set_axis_off()
        rows = [[name, _number(y[-1], unit)] for name, _, y in real[:7]]
        table = axes.table(
            cellText=rows,
            colWidths=[0.85, 0.15],
            bbox=(0, 1 - len(rows) / 7, 1, len(rows) / 7),
            cellLoc="left",
            edges="B",
        )
        table.auto_set_font_size(False)
        table.set_fontsize(7)
        for cell in table.get_celld().values():
            cell.set_edgecolor("#d9dadb")
        return
    real.sort(key=lambda one: -max(value for value in one[2] if not math.isnan(value)))
    custom = panel["fieldConfig"]["defaults"].get("custom", {})
    for name, x, y in real[:MOST_LINES]:
        (line,) = axes.plot(
            x,
            y,
            linewidth=1,
            label=name[:42],
            drawstyle="steps-post" if custom.get("lineInterpolation") else "default",
        )
        if custom.get("fillOpacity", 0) > 10:
            axes.fill_between(x, y, alpha=0.15, color=line.get_color())
    axes.set_ylim(bottom=0)
    axes.set_xlim(0, minutes)
    axes.grid(color="#ececec", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=6, length=0, colors="#6e6e6e")
    axes.yaxis.set_major_formatter(lambda value, _: _number(value, unit))
    axes.yaxis.set_major_locator(pyplot.MaxNLocator(4))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g} min")
    axes.legend(
        loc="upper left",
        bbox_to_anchor=(-0.06, -0.13),
        ncol=4 if panel["gridPos"]["w"] > 8 else 3,
        fontsize=5.5,
        frameon=False,
        columnspacing=1,
        handlelength=1,
    )


def _colour(panel: Mapping[str, Any], value: float) -> str:
    steps = panel["fieldConfig"]["defaults"].get("thresholds", {}).get("steps", [])
    names = [step["color"] for step in steps if step.get("value") is None or value >= step["value"]]
    return {"green": "#37872d", "red": "#c4162a"}.get(names[-1] if names else "", "#1f60c4")


def _number(value: float, unit: str) -> str:
    if unit == "percentunit":
        return f"{value * 100:.3g} %"
    if unit == "bytes":
        return f"{value / 1024 / 1024:.3g} MiB"
    if unit == "s":
        return (
            f"{value / 60:.3g} min"
            if value >= 120
            else f"{value:.3g} s"
            if value >= 1 or value == 0
            else f"{value * 1000:.3g} ms"
        )
    return f"{value:.4g}"


def main() -> int:
    """Draw all of them."""
    url, since, folder = sys.argv[1], float(sys.argv[2]), Path(sys.argv[3])
    namespace, names = (sys.argv[4] if len(sys.argv) > 4 else "jobs"), sys.argv[5:]
    folder.mkdir(parents=True, exist_ok=True)
    source = Source(url, since, namespace)
    for path in sorted(FOLDER.glob("*.json")):
        if names and path.stem not in names:
            continue
        figure = draw(json.loads(path.read_text()), source)
        target = folder / f"{path.stem}.png"
        figure.savefig(target)
        pyplot.close(figure)
        Image.open(target).convert("RGB").quantize(COLOURS).save(target, optimize=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
