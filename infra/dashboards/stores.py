"""The ledger and the broker: do they answer, what are they near to, and what goes between them."""

from __future__ import annotations

from typing import Any

from infra.dashboards.board import board
from infra.dashboards.parts import OURS, Query, figure, graph, now, rate


def stores() -> Any:
    """Postgres and Redis."""
    relayed = f'chore=~"relay|settle|rescue|expire",{OURS}'
    return board(
        "stores",
        "Ledger and broker",
        "Whether Postgres and Redis answer, what limits they are near to, and what beat had to repair.",
        {
            "Now": [
                figure(
                    "Ledger",
                    Query(f"min({now('windrow_ledger_up')})"),
                    text="1: Postgres answers.",
                    bad=-1,
                    span=6,
                ),
                figure(
                    "Oldest transaction",
                    Query(f"max({now('windrow_ledger_oldest_transaction_age_seconds')})"),
                    text="It holds back vacuum, and if it writes, the statistics.",
                    unit="s",
                    bad=900,
                    span=6,
                ),
                figure(
                    "Broker",
                    Query(f"min({now('windrow_broker_up')})"),
                    text="1: Redis answers.",
                    bad=-1,
                    span=6,
                ),
                figure(
                    "Messages", Query(f"sum({now('windrow_queue_depth')})"), text="In all queues.", span=6
                ),
            ],
            "Ledger": [
                graph(
                    "Answers",
                    Query(f"windrow_ledger_up{{{OURS}}}", "{{instance}}"),
                    text="1 when Postgres answered an exporter in time.",
                    steps=True,
                    top=1,
                    span=8,
                ),
                graph(
                    "Connections",
                    [
                        Query(now("windrow_ledger_connections"), "taken"),
                        Query(now("windrow_ledger_connections_max"), "max_connections"),
                    ],
                    text="Client connections of the server.",
                    span=8,
                ),
                graph(
                    "Oldest transaction",
                    Query(now("windrow_ledger_oldest_transaction_age_seconds"), "open for"),
                    text="Of other roles' transactions only if ours may read pg_stat_activity.",
                    unit="s",
                    span=8,
                ),
            ],
            "Broker": [
                graph(
                    "Answers",
                    Query(f"windrow_broker_up{{{OURS}}}", "{{instance}}"),
                    text="1 when Redis answered an exporter in time.",
                    steps=True,
                    top=1,
                    span=8,
                ),
                graph(
                    "Memory",
                    [
                        Query(now("windrow_broker_memory_used_bytes"), "used"),
                        Query(now("windrow_broker_memory_max_bytes"), "maxmemory"),
                    ],
                    text="maxmemory is absent without a limit.",
                    unit="bytes",
                    span=8,
                ),
                graph(
                    "Messages",
                    Query(f"sum by (queue) ({now('windrow_queue_depth')})", "{{queue}}"),
                    text="That wait, by queue.",
                    stacked=True,
                    span=8,
                ),
            ],
            "Between them": [
                graph(
                    "Accepted by the API",
                    Query(f"sum(rate(windrow_jobs_accepted_total{{{OURS}}}[$__rate_interval]))", "accepted"),
                    text="Jobs a second that were committed.",
                    span=8,
                ),
                graph(
                    "Left to beat",
                    Query(
                        f"sum by (reason) (rate(windrow_messages_left_to_relay_total{{{OURS}}}[$__rate_interval]))",
                        "{{reason}}",
                    ),
                    text="Messages a second that the API could not send.",
                    span=8,
                ),
                graph(
                    "Repaired by beat",
                    Query(rate("windrow_chore_rows_total", relayed), "{{chore}}"),
                    text="A second: messages sent later (relay) or again (settle), jobs rescued or expired.",
                    span=8,
                ),
                graph(
                    "Event streams",
                    Query(f"sum(windrow_event_streams{{{OURS}}})", "open"),
                    text="Open streams of server-sent events; each holds a subscription in Redis.",
                ),
                graph(
                    "Jobs opened again",
                    Query(f"sum({rate('windrow_jobs_reopened_total')})", "reopened"),
                    text="A second: by :retry, or because an earlier step of their chain ran again.",
                ),
            ],
        },
        jobs="state=queued",
    )
