"""The measures, in the order in which they are taken: those without workers first."""

from __future__ import annotations

from tests.bench.measure import Measure
from tests.bench.measures.batch import Batch
from tests.bench.measures.delayed import Delayed
from tests.bench.measures.events import EventsCost
from tests.bench.measures.exporter import ExporterCost
from tests.bench.measures.history import History
from tests.bench.measures.latency import Latency
from tests.bench.measures.memory import Memory
from tests.bench.measures.submit import Submit
from tests.bench.measures.worker import Worker


def all_measures() -> list[Measure]:
    """A fresh one of each."""
    return [
        Submit(),
        Batch(),
        Worker(),
        Latency(),
        Delayed(),
        Memory(),
        History(),
        ExporterCost(),
        EventsCost(),
    ]
