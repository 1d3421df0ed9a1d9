"""What one scrape knows: the answers of the ledger and of the broker, None where there was none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from windrow.broker import choice
from windrow.broker.client import BrokerClient
from windrow.broker.memory import Memory, memory
from windrow.exporter.settings import ExporterSettings
from windrow.exporter.source import Source
from windrow.store import chores, held, live, stats
from windrow.store.chores import ChoreRow
from windrow.store.ledger import Ledger
from windrow.store.live import PoolNow, QueueNow, ScheduleNow, ServerNow
from windrow.store.stats import Stats


class LedgerView(NamedTuple):
    """The ledger, history and live jobs apart."""

    stats: Stats
    pools: Sequence[PoolNow]
    schedules: Sequence[ScheduleNow]
    chores: Sequence[ChoreRow]
    server: ServerNow


class BrokerView(NamedTuple):
    """The broker."""

    #: Queue -> step -> waiting messages.
    depths: dict[str, dict[int, int]]
    #: Pool -> held messages; on RabbitMQ the jobs that its workers had claimed a look ago.
    in_flight: dict[str, int]
    memory: Memory


@dataclass(frozen=True, slots=True)
class View:
    """All of it."""

    ledger: LedgerView | None
    #: Counted live: a backlog of millions may take too long, which must not take the rest away.
    queues: Sequence[QueueNow] | None
    broker: BrokerView | None


class World:
    """Two connections to the ledger and one to the broker, opened at first use."""

    def __init__(self, settings: ExporterSettings) -> None:
        self._ledgers = [
            Ledger(
                settings.database_url,
                application_name="windrow-exporter",
                prepare=settings.prepared_statements,
                connect_timeout=2,
                statement_timeout=settings.exporter_ledger_seconds,
            )
            for _ in range(2)
        ]
        self._redis = BrokerClient(settings.redis_url, timeout=settings.exporter_broker_seconds, size=1)
        self._gauge = choice.gauge(settings.redis_url, settings.amqp_url, settings.exporter_broker_seconds)
        self._on_rabbit = bool(settings.amqp_url)
        self._held: dict[str, int] = {}
        # The broker is asked for what the ledger knew last.
        self._queues: list[str] = []
        self._pools: list[str] = []
        self._sources = (
            Source("the ledger", self._ask_ledger, settings.exporter_ledger_seconds),
            Source("the live ledger", self._ask_queues, settings.exporter_ledger_seconds),
            Source("the broker", self._ask_broker, settings.exporter_broker_seconds),
        )

    def look(self) -> View:
        """Ask all; takes no longer than both limits together."""
        ledger, queues, broker = self._sources
        queues.begin()
        seen = ledger.answer()
        live_queues = queues.answer() if seen is not None else None
        return View(seen, live_queues, broker.answer())

    def close(self) -> None:
        """Close the connections."""
        for source in self._sources:
            source.close()
        for ledger in self._ledgers:
            ledger.close()
        self._redis.close()
        self._gauge.close()

    def _ask_ledger(self) -> LedgerView:
        run = self._ledgers[0].run
        view = LedgerView(
            run(stats.read), run(live.pools), run(live.schedules), run(chores.read), run(live.server)
        )
        # The broker is asked for what the ledger knew last.
        self._queues = sorted(
            {queue for _, queue in view.stats.declared} | {s.queue for s in view.stats.series}
        )
        self._pools = [pool.name for pool in view.pools]
        if self._on_rabbit:
            self._held = run(held.in_flight, self._pools)
        return view

    def _ask_queues(self) -> list[QueueNow]:
        found = self._ledgers[1].run(live.queues)
        self._queues = [queue.name for queue in found]
        return found

    def _ask_broker(self) -> BrokerView:
        room = self._redis.run(memory())
        waiting = self._gauge.depths(list(self._queues))
        held = self._gauge.in_flight(list(self._pools))
        return BrokerView(waiting, self._held if held is None else held, room)
