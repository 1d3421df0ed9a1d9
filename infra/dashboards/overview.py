"""The first look: traffic, errors, latency and saturation of one release."""

from __future__ import annotations

from typing import Any

from infra.dashboards.board import board
from infra.dashboards.parts import OURS, Query, figure, graph, grown, listing, now, quantile, quantiles, rate

FAILED = f'outcome="failed",{OURS}'
#: Not what Prometheus and the kubelet ask.
ROUTES = f'route!~"/(metrics|livez|readyz)",{OURS}'
ENDED = f'outcome=~"succeeded|failed",{OURS}'
QUEUED = f'state="queued",{OURS}'


def overview() -> Any:
    """The golden signals."""
    return board(
        "overview",
        "Overview",
        "Traffic, errors, latency and saturation of a release.",
        {
            "Now": [
                figure(
                    "Ledger",
                    Query(f"min({now('windrow_ledger_up')})"),
                    text="1: Postgres answers.",
                    bad=-1,
                ),
                figure("Broker", Query(f"min({now('windrow_broker_up')})"), text="1: Redis answers.", bad=-1),
                figure("Workers", Query(f"sum({now('windrow_workers')})"), text="Living workers."),
                figure(
                    "Queued",
                    Query(f"sum({now('windrow_jobs', QUEUED)})"),
                    text="Jobs that could run and wait.",
                ),
                figure(
                    "Oldest job",
                    Query(f"max({now('windrow_queue_oldest_job_age_seconds')})"),
                    text="For how long the queued job that waits longest has been due.",
                    unit="s",
                    bad=900,
                ),
                figure(
                    "Failed",
                    Query(f"sum({grown('windrow_jobs_finished_total', FAILED)})"),
                    text="Jobs that failed in the time shown.",
                ),
            ],
            "Traffic": [
                graph(
                    "Accepted and ended",
                    [
                        Query(f"sum({rate('windrow_jobs_submitted_total')})", "accepted"),
                        Query(f"sum by (outcome) ({rate('windrow_jobs_finished_total')})", "{{outcome}}"),
                    ],
                    text="Jobs a second.",
                ),
                graph(
                    "Requests to the API",
                    Query(
                        f"sum by (status) (rate(windrow_http_requests_total{{{ROUTES}}}[$__rate_interval]))",
                        "{{status}}",
                    ),
                    text="Requests a second, by status.",
                    stacked=True,
                ),
            ],
            "Errors": [
                graph(
                    "Part of the jobs that fail",
                    Query(
                        f"topk(10, sum by (task) ({rate('windrow_jobs_finished_total', FAILED)})"
                        f" / sum by (task) ({rate('windrow_jobs_finished_total', ENDED)}))",
                        "{{task}}",
                    ),
                    text="Of the jobs that ended by themselves, by task. A click opens those that failed.",
                    unit="percentunit",
                    jobs="state=failed&task=${__field.labels.task}",
                ),
                graph(
                    "Attempts that failed",
                    [
                        Query(
                            f"sum by (exception) ({rate('windrow_attempts_failed_total')})", "{{exception}}"
                        ),
                        Query(f"sum({rate('windrow_attempts_retried_total')})", "to be tried again"),
                    ],
                    text="A second, by class of exception.",
                ),
            ],
            "Latency": [
                graph(
                    "Wait",
                    quantiles("windrow_attempt_wait_seconds", OURS),
                    text="From when an attempt could have started until it did.",
                    unit="s",
                    span=8,
                ),
                graph(
                    "Run",
                    quantiles("windrow_attempt_run_seconds", OURS),
                    text="From an attempt's start to its end.",
                    unit="s",
                    span=8,
                ),
                graph(
                    "API",
                    Query(
                        "histogram_quantile(0.95, sum by (le, route) "
                        f"(rate(windrow_http_request_seconds_bucket{{{ROUTES}}}[$__rate_interval])))",
                        "{{route}}",
                    ),
                    text="95 of 100 requests are answered in this time; those that wait for a job among them.",
                    unit="s",
                    span=8,
                ),
            ],
            "Saturation": [
                graph(
                    "Live jobs",
                    Query(f"sum by (state) ({now('windrow_jobs')})", "{{state}}"),
                    text="Jobs that have not ended, by state.",
                    stacked=True,
                    span=8,
                ),
                graph(
                    "Slots in use",
                    Query(
                        f"sum by (pool) ({now('windrow_worker_slots_busy')})"
                        f" / (sum by (pool) ({now('windrow_worker_slots')}) > 0)",
                        "{{pool}}",
                    ),
                    text="Part of the jobs that a pool's workers can run at once.",
                    unit="percentunit",
                    top=1,
                    span=8,
                ),
                graph(
                    "End to end",
                    Query(quantile(0.95, "windrow_job_end_to_end_seconds", OURS, "queue"), "{{queue}}"),
                    text="95 of 100 jobs end within this time after they were accepted, by queue.",
                    unit="s",
                    span=8,
                    jobs="queue=${__field.labels.queue}",
                ),
            ],
            "Alerts": [
                listing(
                    "Alerts",
                    Query(f'ALERTS{{alertname=~"Windrow.+",{OURS}}}'),
                    text="Pending and firing. Each has a runbook.",
                    span=24,
                ),
            ],
        },
        jobs="limit=100",
    )
