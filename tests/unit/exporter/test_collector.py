"""What a scrape says, from statistics made by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from windrow.broker.memory import Memory
from windrow.exporter.collector import WindrowCollector
from windrow.exporter.settings import ExporterSettings
from windrow.exporter.world import BrokerView, LedgerView, View
from windrow.store.live import PoolNow, QueueNow, ScheduleNow, ServerNow
from windrow.store.stats import Series, Stats

EXCEPTIONS = ("ValueError", "MemoryError")


def stats(*series: Series, declared: tuple[tuple[str, str], ...] = (("t", "q"),)) -> Stats:
    return Stats(series, declared, {"default": {"dropped": 1, "late": 2, "lost": 3}}, 1000.0)


def view(given: Stats, queues: list[QueueNow] | None = None, limit: int | None = 100) -> View:
    ledger = LedgerView(
        given,
        [PoolNow("default", 1, 2, 8, 3, 4.5)],
        [ScheduleNow("nightly", 7.0, None, False), ScheduleNow("hourly", 0.0, 50.0, True)],
        [],
        ServerNow(5, 100, 9.0),
    )
    return View(ledger, queues, BrokerView({"q": {0: 1, 9: 2}}, {"default": 4}, Memory(10, limit)))


Scrape = Callable[[View], Mapping[str, float]]


@pytest.fixture
def scrape() -> Scrape:
    """Values by `name{label=value,…}`, read back by Prometheus' own strict parser of OpenMetrics."""

    def read(seen: View) -> Mapping[str, float]:
        registry = CollectorRegistry()
        registry.register(WindrowCollector(lambda: seen, EXCEPTIONS))
        found: dict[str, float] = {}
        for family in text_string_to_metric_families(generate_latest(registry).decode()):
            for sample in family.samples:
                labels = ",".join(f"{key}={value}" for key, value in sorted(sample.labels.items()))
                found[f"{sample.name}{{{labels}}}"] = sample.value
        return found

    return read


def test_every_series_of_a_declared_task_is_there_at_zero(scrape: Scrape) -> None:
    found = {name: value for name, value in scrape(view(stats())).items() if "task=t" in name}
    assert set(found.values()) == {0.0}
    assert "windrow_attempts_failed_total{exception=other,queue=q,task=t}" in found
    assert "windrow_jobs_finished_total{outcome=expired,queue=q,task=t}" in found
    # The arithmetic of docs/metrics.md: counters 3 + 4 + 9 + classes + other; three histograms of 21 + sum and count.
    assert len(found) == 3 + 4 + 9 + len(EXCEPTIONS) + 1 + 3 * (21 + 2)


def test_counters_say_what_the_statistics_say(scrape: Scrape) -> None:
    found = scrape(
        view(
            stats(
                Series("t", "q", "submitted", {"": 7}, 0),
                Series("t", "q", "finished", {"succeeded": 5, "failed": 2}, 0),
                Series("t", "q", "attempts", {"lost": 3}, 0),
                Series("t", "q", "retries", {"": 4}, 0),
            )
        )
    )
    assert found["windrow_jobs_submitted_total{queue=q,task=t}"] == 7
    assert found["windrow_jobs_finished_total{outcome=succeeded,queue=q,task=t}"] == 5
    assert found["windrow_jobs_finished_total{outcome=failed,queue=q,task=t}"] == 2
    assert found["windrow_attempts_total{outcome=lost,queue=q,task=t}"] == 3
    assert found["windrow_attempts_retried_total{queue=q,task=t}"] == 4


def test_a_class_that_is_not_allowed_is_other(scrape: Scrape) -> None:
    found = scrape(view(stats(Series("t", "q", "failures", {"ValueError": 1, "Odd": 2, "": 4}, 0))))
    assert found["windrow_attempts_failed_total{exception=ValueError,queue=q,task=t}"] == 1
    assert found["windrow_attempts_failed_total{exception=other,queue=q,task=t}"] == 6
    assert not any("Odd" in name for name in found)


def test_a_histogram_is_cumulative_with_sum_and_count(scrape: Scrape) -> None:
    found = scrape(view(stats(Series("t", "q", "wait", {"0.5": 2, "3600.0": 1}, 3000.5))))
    assert found["windrow_attempt_wait_seconds_bucket{le=0.25,queue=q,task=t}"] == 0
    assert found["windrow_attempt_wait_seconds_bucket{le=0.5,queue=q,task=t}"] == 2
    assert found["windrow_attempt_wait_seconds_bucket{le=+Inf,queue=q,task=t}"] == 3
    assert found["windrow_attempt_wait_seconds_count{queue=q,task=t}"] == 3
    assert found["windrow_attempt_wait_seconds_sum{queue=q,task=t}"] == 3000.5


def test_a_task_that_no_release_declares_any_more_keeps_its_counters(scrape: Scrape) -> None:
    found = scrape(view(stats(Series("gone", "q", "submitted", {"": 7}, 0), declared=())))
    assert found["windrow_jobs_submitted_total{queue=q,task=gone}"] == 7


def test_pools_schedules_chores_and_the_stores_are_there(scrape: Scrape) -> None:
    found = scrape(view(stats(), [QueueNow("q", True, {"blocked": 3}, 12.5)]))
    assert found["windrow_workers{pool=default,state=draining}"] == 2
    assert found["windrow_worker_slots_busy{pool=default}"] == 3
    assert found["windrow_worker_lease_age_max_seconds{pool=default}"] == 4.5
    assert found["windrow_finishes_late_total{pool=default}"] == 2
    assert found["windrow_workers_lost_total{pool=default}"] == 3
    assert found["windrow_schedule_lag_seconds{schedule=nightly}"] == 7
    assert "windrow_schedule_last_fire_timestamp_seconds{schedule=nightly}" not in found
    assert found["windrow_schedule_failing{schedule=hourly}"] == 1
    assert found["windrow_chore_last_success_timestamp_seconds{chore=fold}"] == 0
    assert found["windrow_stats_folded_timestamp_seconds{}"] == 1000
    assert found["windrow_ledger_connections_max{}"] == 100
    assert found["windrow_jobs{queue=q,state=blocked}"] == 3
    assert found["windrow_jobs{queue=q,state=queued}"] == 0
    assert found["windrow_queue_oldest_job_age_seconds{queue=q}"] == 12.5
    assert found["windrow_queue_paused{queue=q}"] == 1
    assert found["windrow_queue_depth{priority=9,queue=q}"] == 2
    assert found["windrow_pool_in_flight{pool=default}"] == 4
    assert found["windrow_broker_memory_max_bytes{}"] == 100


def test_a_redis_without_a_limit_has_no_maximum(scrape: Scrape) -> None:
    assert "windrow_broker_memory_max_bytes{}" not in scrape(view(stats(), limit=None))


def test_what_does_not_answer_is_down_and_the_rest_of_it_is_absent(scrape: Scrape) -> None:
    assert scrape(View(None, None, None)) == {"windrow_ledger_up{}": 0, "windrow_broker_up{}": 0}
    found = scrape(View(None, None, BrokerView({}, {}, Memory(10, None))))
    assert found["windrow_broker_up{}"] == 1
    assert not any("task=" in name for name in found)


def test_the_allowed_classes_are_a_list_without_doubles() -> None:
    settings = ExporterSettings(
        database_url="postgresql://", redis_url="redis://", exporter_exceptions=" A, B ,,A"
    )
    assert settings.exception_names == ("A", "B")
