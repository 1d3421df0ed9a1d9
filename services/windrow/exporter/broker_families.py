"""Families of the broker: depth, in-flight and memory."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric

from windrow.exporter.world import BrokerView


def broker_families(view: BrokerView) -> Iterator[Metric]:
    """What Redis says."""
    depth = GaugeMetricFamily(
        "windrow_queue_depth",
        "Messages that wait, by the step of their priority.",
        labels=("queue", "priority"),
    )
    for queue, steps in view.depths.items():
        for step, count in steps.items():
            depth.add_metric((queue, str(step)), count)
    held = GaugeMetricFamily(
        "windrow_pool_in_flight",
        "Messages that the pool's workers hold unacknowledged; on RabbitMQ the jobs that they have claimed.",
        labels=("pool",),
    )
    for pool, count in view.in_flight.items():
        held.add_metric((pool,), count)
    used = GaugeMetricFamily(
        "windrow_broker_memory_used_bytes", "Memory that Redis uses.", value=view.memory.used, unit="bytes"
    )
    most = GaugeMetricFamily(
        "windrow_broker_memory_max_bytes", "Redis' maxmemory; absent without a limit.", unit="bytes"
    )
    if view.memory.limit is not None:
        most.add_metric((), view.memory.limit)
    yield from (depth, held, used, most)
