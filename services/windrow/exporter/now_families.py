"""Families of what goes on right now in the ledger: queues, workers, schedules, chores, the server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from windrow.exporter.world import LedgerView
from windrow.store.chores import ChoreRow
from windrow.store.live import PoolNow, QueueNow, ScheduleNow, ServerNow

STATES = ("scheduled", "blocked", "queued", "claimed", "running", "retrying")
#: All that beat does; each is there before its first success.
CHORES = ("promote", "relay", "settle", "rescue", "expire", "fold", "retain", "schedules")


def ledger_families(view: LedgerView) -> Iterator[Metric]:
    """Everything but live jobs."""
    yield from _pools(view.pools)
    yield from _pool_counters(view.stats.pools)
    yield from _schedules(view.schedules)
    yield from _chores(view.chores)
    yield from _server(view.server)
    yield GaugeMetricFamily(
        "windrow_stats_folded_timestamp_seconds",
        "When ended attempts were last counted.",
        value=view.stats.folded_at,
        unit="seconds",
    )


def queue_families(queues: Sequence[QueueNow]) -> Iterator[Metric]:
    """Live jobs."""
    jobs = GaugeMetricFamily("windrow_jobs", "Live jobs in the ledger.", labels=("queue", "state"))
    oldest = GaugeMetricFamily(
        "windrow_queue_oldest_job_age_seconds",
        "For how long the queued job that waits longest has been due; 0 when none waits.",
        labels=("queue",),
        unit="seconds",
    )
    paused = GaugeMetricFamily("windrow_queue_paused", "1 while nobody may take from it.", labels=("queue",))
    for queue in queues:
        for state in STATES:
            jobs.add_metric((queue.name, state), queue.jobs.get(state, 0))
        oldest.add_metric((queue.name,), queue.oldest)
        paused.add_metric((queue.name,), int(queue.paused))
    yield from (jobs, oldest, paused)


def _pools(pools: Sequence[PoolNow]) -> Iterator[Metric]:
    workers = GaugeMetricFamily("windrow_workers", "Living workers.", labels=("pool", "state"))
    slots = GaugeMetricFamily("windrow_worker_slots", "Jobs that they can run at once.", labels=("pool",))
    busy = GaugeMetricFamily("windrow_worker_slots_busy", "Jobs that they run.", labels=("pool",))
    age = GaugeMetricFamily(
        "windrow_worker_lease_age_max_seconds",
        "Since the renewal of the worker that is behind most; 0 without workers.",
        labels=("pool",),
        unit="seconds",
    )
    for pool in pools:
        workers.add_metric((pool.name, "serving"), pool.serving)
        workers.add_metric((pool.name, "draining"), pool.draining)
        slots.add_metric((pool.name,), pool.slots)
        busy.add_metric((pool.name,), pool.busy)
        age.add_metric((pool.name,), pool.lease_age)
    yield from (workers, slots, busy, age)


def _pool_counters(pools: Mapping[str, Mapping[str, int]]) -> Iterator[Metric]:
    for name, family, text in (
        ("lost", "windrow_workers_lost", "Workers that vanished and were rescued from."),
        ("dropped", "windrow_messages_dropped", "Messages of jobs that nobody could claim (any more)."),
        ("late", "windrow_finishes_late", "Outcomes of jobs that had been given to others, not saved."),
    ):
        counter = CounterMetricFamily(family, text, labels=("pool",))
        for pool, numbers in sorted(pools.items()):
            counter.add_metric((pool,), numbers[name])
        yield counter


def _schedules(schedules: Sequence[ScheduleNow]) -> Iterator[Metric]:
    lag = GaugeMetricFamily(
        "windrow_schedule_lag_seconds",
        "Since it should have fired; 0 when its time has not come.",
        labels=("schedule",),
        unit="seconds",
    )
    last = GaugeMetricFamily(
        "windrow_schedule_last_fire_timestamp_seconds",
        "The moment that it last fired for.",
        labels=("schedule",),
        unit="seconds",
    )
    failing = GaugeMetricFamily(
        "windrow_schedule_failing", "1 while it cannot fire, or was refused.", labels=("schedule",)
    )
    for schedule in schedules:
        lag.add_metric((schedule.id,), schedule.lag)
        failing.add_metric((schedule.id,), int(schedule.failing))
        if schedule.last is not None:
            last.add_metric((schedule.id,), schedule.last)
    yield from (lag, last, failing)


def _chores(rows: Sequence[ChoreRow]) -> Iterator[Metric]:
    found = {row.name: row for row in rows}
    success = GaugeMetricFamily(
        "windrow_chore_last_success_timestamp_seconds",
        "When it last went well, on any beat; 0: never.",
        labels=("chore",),
        unit="seconds",
    )
    failure = GaugeMetricFamily(
        "windrow_chore_last_failure_timestamp_seconds",
        "When it last failed, for one row or for all; 0: never.",
        labels=("chore",),
        unit="seconds",
    )
    done = CounterMetricFamily("windrow_chore_rows", "Rows that it acted on.", labels=("chore",))
    for name in (*CHORES, *sorted(found.keys() - set(CHORES))):
        row = found.get(name)
        success.add_metric((name,), row.succeeded_at.timestamp() if row and row.succeeded_at else 0)
        failure.add_metric((name,), row.failed_at.timestamp() if row and row.failed_at else 0)
        done.add_metric((name,), row.done if row else 0)
    yield from (success, failure, done)


def _server(server: ServerNow) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "windrow_ledger_connections", "Client connections of the server.", value=server.connections
    )
    yield GaugeMetricFamily(
        "windrow_ledger_connections_max", "The server's max_connections.", value=server.max_connections
    )
    yield GaugeMetricFamily(
        "windrow_ledger_oldest_transaction_age_seconds",
        "For how long the oldest transaction of the database has been open.",
        value=server.oldest_transaction,
        unit="seconds",
    )
