"""Beat: schedules that should fire, and the chores that keep the house."""

from __future__ import annotations

from typing import Any

from infra.dashboards.board import board
from infra.dashboards.parts import Query, figure, graph, grown, listing, now, rate

SETTLE = 'chore="settle",namespace=~"$namespace"'


def schedules() -> Any:
    """Schedules and chores."""
    return board(
        "schedules",
        "Schedules",
        "Schedules that should fire, and beat's chores.",
        {
            "Now": [
                figure(
                    "Beat",
                    Query(f"time() - max({now('windrow_chore_last_success_timestamp_seconds')})"),
                    text="Since any chore of any beat went well.",
                    unit="s",
                    bad=60,
                ),
                figure(
                    "Schedules",
                    Query(f"count({now('windrow_schedule_lag_seconds')})"),
                    text="Enabled schedules, at most the 500 that lag most.",
                ),
                figure(
                    "Latest",
                    Query(f"max({now('windrow_schedule_lag_seconds')})"),
                    text="Since the schedule that is behind most should have fired.",
                    unit="s",
                    bad=300,
                ),
                figure(
                    "Cannot fire",
                    Query(f"sum({now('windrow_schedule_failing')})"),
                    text="Schedules that cannot fire, or whose declaration was refused.",
                    bad=1,
                ),
                figure(
                    "Statistics are old",
                    Query(f"time() - max({now('windrow_stats_folded_timestamp_seconds')})"),
                    text="All totals are as of then.",
                    unit="s",
                    bad=60,
                ),
                figure(
                    "Sent again",
                    Query(f"sum({grown('windrow_chore_rows_total', SETTLE)})"),
                    text="Messages that the broker had lost, in the time shown.",
                    bad=100,
                ),
            ],
            "Schedules": [
                graph(
                    "Lag",
                    Query(f"topk(20, {now('windrow_schedule_lag_seconds')})", "{{schedule}}"),
                    text="Since it should have fired; 0 when its time has not come.",
                    unit="s",
                ),
                graph(
                    "Since it last fired",
                    Query(
                        f"topk(20, time() - {now('windrow_schedule_last_fire_timestamp_seconds')})",
                        "{{schedule}}",
                    ),
                    text="Of those that fired before.",
                    unit="s",
                ),
                listing(
                    "Cannot fire",
                    Query(f"sort_desc({now('windrow_schedule_failing')})"),
                    text="1: it could not fire, or its declaration was refused.",
                    span=24,
                ),
            ],
            "Chores": [
                graph(
                    "Since it went well",
                    Query(f"time() - {now('windrow_chore_last_success_timestamp_seconds')}", "{{chore}}"),
                    text="On any beat.",
                    unit="s",
                    span=8,
                ),
                graph(
                    "Rows",
                    Query(rate("windrow_chore_rows_total"), "{{chore}}"),
                    text="A second: jobs promoted, relayed, rescued, expired, counted, deleted.",
                    span=8,
                ),
                graph(
                    "Failed lately",
                    Query(
                        "max without (instance, pod) (changes(windrow_chore_last_failure_timestamp_seconds"
                        '{namespace=~"$namespace"}[$__rate_interval]))',
                        "{{chore}}",
                    ),
                    text="Above 0: it failed, for one row or for all.",
                    span=8,
                ),
            ],
        },
        jobs="state=scheduled",
    )
