"""The series of the rules' tests, built from what a real Prometheus had of a running stack.

A case names a metric, its own labels and values; the replicas, and what a scrape adds unless the case says otherwise,
come from the recording (`WINDROW_RECORD=1 make monitoring` writes it anew).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.chart.exposed import TARGET

FILE = Path(__file__).parent / "rules" / "recorded.json"
#: Labels whose values are ours; those of the others are named by whoever uses Windrow.
CLOSED = frozenset({"chore", "kind", "le", "outcome", "priority", "reason", "source", "state"})
EXPORTER = "windrow-exporter"
_SERIES = re.compile(r"(\w+)\{(.*)\}")
_LABEL = re.compile(r'(\w+)="([^"]*)"')
#: Job -> metric -> label -> its values, sorted; under `targets`, job -> what the scrape of each replica adds.
Recording = dict[str, Any]


def load() -> Recording:
    """What was recorded."""
    found: Recording = json.loads(FILE.read_text())
    return found


def summary(series: Iterable[Mapping[str, str]]) -> Recording:
    """The recording of what Prometheus says that it has."""
    targets: dict[str, dict[str, dict[str, str]]] = {}
    found: dict[str, dict[str, dict[str, set[str]]]] = {}
    for labels in series:
        name, job = labels["__name__"], labels["job"]
        # A client library's clock of when a series began is nobody's to rely on.
        if name.endswith("_created"):
            continue
        added = {label: labels[label] for label in sorted(TARGET)}
        targets.setdefault(job, {})[labels["instance"]] = added
        values = found.setdefault(job, {}).setdefault(name, {})
        for label in labels.keys() - TARGET - {"__name__"}:
            values.setdefault(label, set()).add(labels[label])
    return {
        "targets": {job: [by[name] for name in sorted(by)] for job, by in sorted(targets.items())},
        "series": {
            job: {
                name: {label: sorted(seen) for label, seen in sorted(labels.items())}
                for name, labels in sorted(names.items())
            }
            for job, names in sorted(found.items())
        },
    }


def text(recording: Recording) -> str:
    """As the file has it: a line for each metric and for each replica."""

    def lines(entries: Iterable[str]) -> str:
        return ",\n".join(f"   {entry}" for entry in entries)

    targets = [
        f'  "{job}": [\n{lines(map(json.dumps, added))}\n  ]' for job, added in recording["targets"].items()
    ]
    series = [
        f'  "{job}": {{\n{lines(f"{json.dumps(name)}: {json.dumps(labels)}" for name, labels in names.items())}\n  }}'
        for job, names in recording["series"].items()
    ]
    both = [f' "targets": {{\n{_joined(targets)}\n }}', f' "series": {{\n{_joined(series)}\n }}']
    return f"{{\n{_joined(both)}\n}}\n"


def _joined(parts: Iterable[str]) -> str:
    return ",\n".join(parts)


def comparable(recording: Recording) -> Mapping[str, Mapping[str, Any]]:
    """What may not change unseen: every metric's labels, and the values of those that are ours."""
    return {
        job: {
            name: {label: values if label in CLOSED else "any" for label, values in labels.items()}
            for name, labels in names.items()
        }
        for job, names in recording["series"].items()
    }


def built(case_file: Path) -> str:
    """The text of a promtool test: every series of the exporter as both replicas have it."""
    recording, text = load(), yaml.safe_load(case_file.read_text())
    for case in text["tests"]:
        case["input_series"] = [one for given in case["input_series"] for one in _replicas(recording, given)]
    return yaml.safe_dump(text, sort_keys=False, width=1000)


def _replicas(recording: Recording, given: Mapping[str, str]) -> Iterator[Mapping[str, str]]:
    parsed = _SERIES.fullmatch(given["series"])
    assert parsed is not None, given["series"]
    name, labels = parsed[1], dict(_LABEL.findall(parsed[2]))
    if not name.startswith("windrow_"):
        yield given
        return
    known = recording["series"][EXPORTER].get(name)
    assert known is not None, f"{name} was not recorded of an exporter"
    assert labels.keys() - TARGET == known.keys(), f"{given['series']}: recorded with {sorted(known)}"
    for label in labels.keys() & CLOSED:
        assert labels[label] in known[label], f"{given['series']}: recorded are {known[label]}"
    for added in recording["targets"][EXPORTER]:
        if given.get("replica", added["instance"]) == added["instance"]:
            full = ",".join(f'{label}="{value}"' for label, value in (added | labels).items())
            yield {"series": f"{name}{{{full}}}", "values": given["values"]}
