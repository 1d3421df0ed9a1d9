"""Tasks: how their attempts go, how long they take, and what they fail with."""

from __future__ import annotations

from typing import Any

from infra.dashboards.board import board
from infra.dashboards.parts import TASK, Query, figure, graph, grown, quantile, quantiles, rate

FAILED = f'outcome="failed",{TASK}'
ENDED = f'outcome=~"succeeded|failed",{TASK}'
SUCCEEDED = f'outcome="succeeded",{TASK}'
LOST = f'outcome="lost",{TASK}'


def task() -> Any:
    """One task or some."""
    return board(
        "task",
        "Task",
        "How a task's attempts go, how long they take, and what they fail with.",
        {
            "In the time shown": [
                figure(
                    "Succeeded",
                    Query(f"sum({grown('windrow_jobs_finished_total', SUCCEEDED)})"),
                    text="Jobs.",
                ),
                figure(
                    "Failed",
                    Query(f"sum({grown('windrow_jobs_finished_total', FAILED)})"),
                    text="Jobs.",
                    bad=1,
                ),
                figure(
                    "Retries",
                    Query(f"sum({grown('windrow_attempts_retried_total', TASK)})"),
                    text="Attempts after which the job waits for its next one.",
                ),
                figure(
                    "Lost",
                    Query(f"sum({grown('windrow_attempts_total', LOST)})"),
                    text="Attempts whose worker or child vanished.",
                    bad=1,
                ),
                figure(
                    "Run, p95",
                    Query(
                        "histogram_quantile(0.95, sum by (le) "
                        f"({grown('windrow_attempt_run_seconds_bucket', TASK)}))"
                    ),
                    text="95 of 100 attempts end within this time.",
                    unit="s",
                ),
                figure(
                    "Live",
                    Query(
                        f"sum(max without (instance, pod) (windrow_jobs_submitted_total{{{TASK}}}))"
                        f" + sum(max without (instance, pod) (windrow_jobs_reopened_total{{{TASK}}}))"
                        f" - sum(max without (instance, pod) (windrow_jobs_finished_total{{{TASK}}}))"
                    ),
                    text="Jobs that have not ended.",
                ),
            ],
            "Errors": [
                graph(
                    "Part of the jobs that fail",
                    Query(
                        f"sum by (task) ({rate('windrow_jobs_finished_total', FAILED)})"
                        f" / sum by (task) ({rate('windrow_jobs_finished_total', ENDED)})",
                        "{{task}}",
                    ),
                    text="Of the jobs that ended by themselves. A click opens those that failed.",
                    unit="percentunit",
                    jobs="state=failed&task=${__field.labels.task}",
                ),
                graph(
                    "What attempts fail with",
                    Query(
                        f"sum by (exception) ({rate('windrow_attempts_failed_total', TASK)})", "{{exception}}"
                    ),
                    text="A second; classes outside WINDROW_EXPORTER_EXCEPTIONS are other.",
                    stacked=True,
                ),
                graph(
                    "Attempts",
                    Query(f"sum by (outcome) ({rate('windrow_attempts_total', TASK)})", "{{outcome}}"),
                    text="A second, by how they ended.",
                    stacked=True,
                ),
                graph(
                    "Part of the attempts that are tried again",
                    Query(
                        f"sum by (task) ({rate('windrow_attempts_retried_total', TASK)})"
                        f" / sum by (task) ({rate('windrow_attempts_total', TASK)})",
                        "{{task}}",
                    ),
                    text="More than half is a storm.",
                    unit="percentunit",
                    jobs="state=retrying&task=${__field.labels.task}",
                ),
            ],
            "Time": [
                graph(
                    "Run",
                    quantiles("windrow_attempt_run_seconds", TASK),
                    text="From an attempt's start to its end.",
                    unit="s",
                ),
                graph(
                    "Run, p95 by task",
                    Query(quantile(0.95, "windrow_attempt_run_seconds", TASK, "task"), "{{task}}"),
                    text="95 of 100 attempts end within this time.",
                    unit="s",
                    jobs="task=${__field.labels.task}",
                ),
                graph(
                    "Wait",
                    quantiles("windrow_attempt_wait_seconds", TASK),
                    text="From when an attempt could have started until it did.",
                    unit="s",
                ),
                graph(
                    "End to end",
                    quantiles("windrow_job_end_to_end_seconds", TASK),
                    text="From acceptance to the end.",
                    unit="s",
                ),
            ],
            "Work": [
                graph(
                    "Slots that a task takes",
                    Query(f"sum by (task) ({rate('windrow_attempt_run_seconds_sum', TASK)})", "{{task}}"),
                    text="Seconds of running a second: how many slots it keeps busy on average.",
                    stacked=True,
                ),
                graph(
                    "Accepted",
                    Query(f"sum by (task) ({rate('windrow_jobs_submitted_total', TASK)})", "{{task}}"),
                    text="Jobs a second.",
                    jobs="task=${__field.labels.task}",
                ),
            ],
        },
        variables=("task",),
        jobs="state=failed",
    )
