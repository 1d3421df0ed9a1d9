"""The table and the JSON of a run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.measure import Metric, SideName, Values

SIDES: tuple[SideName, SideName] = ("naive", "windrow")


def summary(metric: Metric, rounds: dict[SideName, list[Values]]) -> dict[str, Any]:
    """Medians of both sides, their ratio, and whether the target is met; every sample beside them."""
    found: dict[str, Any] = {}
    for side in SIDES:
        samples: dict[str, list[float]] = {}
        for values in rounds[side]:
            for variant, value in values[metric.name].items():
                samples.setdefault(variant, []).append(value)
        medians = {variant: median(of) for variant, of in samples.items()}
        best = (max if metric.higher_is_better else min)(medians, key=lambda variant: medians[variant])
        found[side] = round(medians[best], 3)
        if best:
            found[f"{side}_variant"] = best
        found[f"{side}_samples"] = {v or "all": [round(x, 3) for x in of] for v, of in samples.items()}
    found["ratio"] = round(found["windrow"] / found["naive"], 3)
    found["unit"] = metric.unit
    if metric.target is not None:
        judged = found["windrow"] if metric.absolute else found["ratio"]
        found["target"] = metric.target_text
        found["met"] = judged >= metric.target if metric.higher_is_better else judged <= metric.target
    return found


def table(found: dict[str, dict[str, Any]]) -> str:
    """Columns for people."""
    rows = [("measure", "unit", "naive", "windrow", "ratio", "target", "")]
    for name, entry in found.items():
        verdict = {True: "met", False: "MISSED", None: ""}[entry.get("met")]
        rows.append(
            (
                name,
                entry["unit"],
                _number(entry["naive"]),
                _number(entry["windrow"]),
                f"{entry['ratio']:.2f}x",
                entry.get("target", ""),
                verdict,
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(_line(row, widths) for row in rows)


def write(path: Path, found: dict[str, dict[str, Any]]) -> None:
    """`{"measure": {"naive": …, "windrow": …, "ratio": …, …}}`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [
        cell.rjust(width) if 2 <= column <= 4 else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells).rstrip()
