"""Every metric name with its labels: of our own doors from their real registries, of others as recorded."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import yaml
from prometheus_client import CollectorRegistry
from prometheus_client.registry import Collector

from tests.unit.exporter.test_collector import EXCEPTIONS, stats, view
from windrow.api.metrics import Metrics as ApiMetrics
from windrow.exporter.collector import WindrowCollector
from windrow.scaler.metrics import Metrics as ScalerMetrics
from windrow.store.live import QueueNow

#: What a scrape adds to every series.
TARGET = frozenset({"namespace", "job", "instance", "pod"})
RECORDED = Path(__file__).with_name("foreign_metrics.yaml")
_NAME = re.compile(r"\b(?:(?:windrow|kube|keda)_\w+|ALERTS)\b")
_SERIES = re.compile(r"\b((?:windrow|kube|keda)_\w+|ALERTS)\{([^}]*)\}")
_LABEL = re.compile(r'(\w+)(?:=~?|!=|!~)"')
_GROUPING = re.compile(r"\b(?:without|by|ignoring|on) \(([^)]*)\)")
_STRING = re.compile(r'"[^"]*"')
Labels = Mapping[str, set[str]]


def ours() -> Labels:
    """What exporter, API and scaler expose, a sample's name with the labels that it has."""
    seen = view(stats(declared=(("t", "q"),)), [QueueNow("q", False, {}, 0.0)])
    api, scaler = ApiMetrics(), ScalerMetrics(["default"])
    api.observe("GET", "/v1/jobs", 200, 0.1)
    found = _samples(WindrowCollector(lambda: seen, EXCEPTIONS), api.registry, scaler.registry)
    # A client library's clock of when a series began is nobody's to rely on.
    return {name: labels for name, labels in found.items() if not name.endswith("_created")}


def foreign() -> Labels:
    """Those of KEDA, kube-state-metrics and Prometheus, as tests/e2e/test_monitoring.py recorded them."""
    recorded = yaml.safe_load(RECORDED.read_text())
    return {name: set(labels) for part in recorded for name, labels in part["metrics"].items()}


def series_of(text: str) -> Iterator[tuple[str, set[str]]]:
    """Each metric of an expression with the labels that its matchers name."""
    for name, matchers in _SERIES.findall(text):
        yield name, set(_LABEL.findall(matchers))


def unknown(expr: str, known: Labels, shown: Iterable[str] = ()) -> list[str]:
    """What an expression names and nobody exposes; `shown`: labels that somebody wants of its result."""
    used = list(series_of(expr))
    # A name without braces would pass unseen.
    wrong = [
        f"{name} without matchers"
        for name in set(_NAME.findall(_STRING.sub('""', expr))) - {n for n, _ in used}
    ]
    wrong += [name for name, _ in used if name not in known]
    for name, labels in used:
        wrong += [f"{name}: {label}" for label in labels - TARGET - known.get(name, set())]
    grouped = {label.strip() for found in _GROUPING.findall(expr) for label in found.split(",")}
    all_labels = set().union(*(known.get(name, set()) for name, _ in used))
    return wrong + sorted((grouped | set(shown)) - TARGET - all_labels)


def _samples(*sources: Collector | CollectorRegistry) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for source in sources:
        for family in source.collect():
            for sample in family.samples:
                found.setdefault(sample.name, set()).update(sample.labels)
    return found
