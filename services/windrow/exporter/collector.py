"""The collector: one look a scrape, as families."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from windrow.exporter.broker_families import broker_families
from windrow.exporter.now_families import ledger_families, queue_families
from windrow.exporter.task_families import families
from windrow.exporter.world import View


class WindrowCollector(Collector):
    """What cannot be known is absent, not old and not 0; `windrow_ledger_up` and `windrow_broker_up` say why."""

    def __init__(self, look: Callable[[], View], exceptions: Sequence[str]) -> None:
        self._look = look
        self._exceptions = exceptions

    def collect(self) -> Iterator[Metric]:
        """Every family that is known now."""
        view = self._look()
        yield GaugeMetricFamily(
            "windrow_ledger_up", "1 when Postgres answers in time.", value=int(view.ledger is not None)
        )
        yield GaugeMetricFamily(
            "windrow_broker_up",
            "1 when Redis, and RabbitMQ where it keeps the queues, answer in time.",
            value=int(view.broker is not None),
        )
        if view.ledger is not None:
            yield from families(view.ledger.stats, self._exceptions)
            yield from ledger_families(view.ledger)
        if view.queues is not None:
            yield from queue_families(view.queues)
        if view.broker is not None:
            yield from broker_families(view.broker)
