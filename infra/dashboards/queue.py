"""Queues: what waits in them, for how long, and who takes it."""

from __future__ import annotations

from typing import Any

from infra.dashboards.board import board
from infra.dashboards.parts import QUEUE, Query, figure, graph, grown, now, quantile, quantiles, rate

QUEUED = f'state="queued",{QUEUE}'
RUNNING = f'state="running",{QUEUE}'
LATER = f'state=~"scheduled|blocked|retrying",{QUEUE}'
FAILED = f'outcome="failed",{QUEUE}'
IN_A_MINUTE = f'le=~"60(\\\\.0)?",{QUEUE}'


def queue() -> Any:
    """One queue or some."""
    return board(
        "queue",
        "Queue",
        "What waits in a queue, for how long, and what becomes of it.",
        {
            "Now": [
                figure(
                    "Queued",
                    Query(f"sum({now('windrow_jobs', QUEUED)})"),
                    text="Jobs that could run and wait.",
                ),
                figure(
                    "Running",
                    Query(f"sum({now('windrow_jobs', RUNNING)})"),
                    text="Jobs that a child runs.",
                ),
                figure(
                    "Later",
                    Query(f"sum({now('windrow_jobs', LATER)})"),
                    text="Jobs whose time has not come, or that wait for another job.",
                ),
                figure(
                    "Oldest job",
                    Query(f"max({now('windrow_queue_oldest_job_age_seconds', QUEUE)})"),
                    text="For how long the queued job that waits longest has been due.",
                    unit="s",
                    bad=900,
                ),
                figure(
                    "Paused",
                    Query(f"sum({now('windrow_queue_paused', QUEUE)})"),
                    text="Queues that nobody may take from.",
                    bad=1,
                ),
                figure(
                    "Failed",
                    Query(
                        f"sum({grown('windrow_jobs_finished_total', FAILED)})"
                        f" - sum({grown('windrow_jobs_reopened_total', QUEUE)})"
                    ),
                    text="Jobs that failed in the time shown, less those that were opened again.",
                ),
            ],
            "What waits": [
                graph(
                    "Live jobs",
                    Query(f"sum by (state) ({now('windrow_jobs', QUEUE)})", "{{state}}"),
                    text="In the ledger, by state.",
                    stacked=True,
                ),
                graph(
                    "Messages",
                    Query(
                        f"sum by (queue, priority) ({now('windrow_queue_depth', QUEUE)})",
                        "{{queue}} {{priority}}",
                    ),
                    text="In the broker, by the step of their priority: at most a window of each queue's jobs.",
                    stacked=True,
                ),
                graph(
                    "Oldest job",
                    Query(now("windrow_queue_oldest_job_age_seconds", QUEUE), "{{queue}}"),
                    text="For how long the queued job that waits longest has been due.",
                    unit="s",
                    jobs="state=queued&queue=${__field.labels.queue}",
                ),
                graph(
                    "Wait",
                    quantiles("windrow_attempt_wait_seconds", QUEUE),
                    text="From when an attempt could have started until it did.",
                    unit="s",
                ),
            ],
            "What happens": [
                graph(
                    "Accepted and ended",
                    [
                        Query(
                            f"sum by (queue) ({rate('windrow_jobs_submitted_total', QUEUE)})", "{{queue}} in"
                        ),
                        Query(
                            f"sum by (queue) ({rate('windrow_jobs_finished_total', QUEUE)})", "{{queue}} out"
                        ),
                    ],
                    text="Jobs a second.",
                ),
                graph(
                    "Ends",
                    Query(f"sum by (outcome) ({rate('windrow_jobs_finished_total', QUEUE)})", "{{outcome}}"),
                    text="Jobs a second, by how they ended.",
                    jobs="state=${__field.labels.outcome}",
                ),
                graph(
                    "Start within a minute",
                    Query(
                        f"sum by (queue) ({rate('windrow_attempt_wait_seconds_bucket', IN_A_MINUTE)})"
                        f" / sum by (queue) ({rate('windrow_attempt_wait_seconds_count', QUEUE)})",
                        "{{queue}}",
                    ),
                    text="Part of the attempts that began within 60 s: the usual objective is 99 percent.",
                    unit="percentunit",
                    top=1,
                ),
                graph(
                    "End to end",
                    Query(quantile(0.95, "windrow_job_end_to_end_seconds", QUEUE, "queue"), "{{queue}}"),
                    text="95 of 100 jobs end within this time after they were accepted.",
                    unit="s",
                ),
            ],
        },
        variables=("queue",),
        jobs="state=queued",
    )
