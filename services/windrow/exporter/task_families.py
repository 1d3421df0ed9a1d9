"""Families of tasks and queues: counters and histograms that only grow, each there at 0 from the start."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric

from windrow.core.buckets import cumulative
from windrow.core.states import State
from windrow.store.stats import Series, Stats

OTHER = "other"
#: How a job ends, and an attempt: every value that the labels can have.
ENDS = (State.SUCCEEDED.value, State.FAILED.value, State.CANCELLED.value, State.EXPIRED.value)
OUTCOMES = (
    *("succeeded", "failed", "retried", "timed_out", "lost"),
    *("cancelled", "rejected", "ignored", "released"),
)

_PAIR = ("task", "queue")
#: Name in the statistics, family, help; no further label.
_PLAIN = (
    ("submitted", "windrow_jobs_submitted", "Jobs that were accepted."),
    (
        "reopened",
        "windrow_jobs_reopened",
        "Ended jobs that were made to run again, by hand or by their chain.",
    ),
    ("retries", "windrow_attempts_retried", "Attempts after which their job waits for its next one."),
)
_SECONDS = (
    ("wait", "windrow_attempt_wait_seconds", "From when an attempt could have started until it did."),
    ("run", "windrow_attempt_run_seconds", "From an attempt's start to its end."),
    (
        "total",
        "windrow_job_end_to_end_seconds",
        "From a job's acceptance to its end, for jobs ended by an attempt.",
    ),
)


def families(stats: Stats, exceptions: Sequence[str]) -> Iterator[Metric]:
    """What the statistics say of each task on each queue."""
    found = {(series.task, series.queue, series.name): series for series in stats.series}
    pairs = sorted({*stats.declared, *((series.task, series.queue) for series in stats.series)})
    for name, family, text in _PLAIN:
        yield _counters(found, pairs, name, CounterMetricFamily(family, text, labels=_PAIR), ("",))
    finished = CounterMetricFamily("windrow_jobs_finished", "Ends of jobs.", labels=(*_PAIR, "outcome"))
    yield _counters(found, pairs, "finished", finished, ENDS)
    attempts = CounterMetricFamily("windrow_attempts", "Ended attempts.", labels=(*_PAIR, "outcome"))
    yield _counters(found, pairs, "attempts", attempts, OUTCOMES)
    failures = CounterMetricFamily(
        "windrow_attempts_failed",
        "Attempts that ended with an error, by its class.",
        labels=(*_PAIR, "exception"),
    )
    yield _counters(found, pairs, "failures", failures, (*exceptions, OTHER))
    for name, family, text in _SECONDS:
        histogram = HistogramMetricFamily(family, text, labels=_PAIR, unit="seconds")
        for task, queue in pairs:
            series = found.get((task, queue, name))
            buckets = cumulative(series.counts if series else {})
            histogram.add_metric((task, queue), buckets, series.seconds if series else 0.0)
        yield histogram


def _counters(
    found: dict[tuple[str, str, str], Series],
    pairs: Sequence[tuple[str, str]],
    name: str,
    family: CounterMetricFamily,
    labels: Sequence[str],
) -> CounterMetricFamily:
    """A series for each pair and each of `labels`; a count under any other label belongs to the last one."""
    for task, queue in pairs:
        counts = dict.fromkeys(labels, 0)
        series = found.get((task, queue, name))
        for label, count in series.counts.items() if series else ():
            counts[label if label in counts else labels[-1]] += count
        for label, count in counts.items():
            family.add_metric((task, queue, label) if label else (task, queue), count)
    return family
