"""Pools: the backlog, what was asked for because of it, when, and who is there."""

from __future__ import annotations

from typing import Any

from infra.dashboards.board import board
from infra.dashboards.parts import DEPLOYMENT, HPA, OURS, SCALED, Query, figure, graph, listing, now, rate

#: The leader alone knows; the others say 0.
LED = f"max by (pool) (windrow_scaler_%s{{{OURS}}})"
SERVING = f'state="serving",{OURS}'
DRAINING = f'state="draining",{OURS}'


def autoscaling() -> Any:
    """Backlog, in-flight, desired, ready; and each decision."""
    desired = (
        f"max by (horizontalpodautoscaler) (kube_horizontalpodautoscaler_status_desired_replicas{{{HPA}}})"
    )
    return board(
        "autoscaling",
        "Autoscaling",
        "What waits for each pool, how many workers that asks for, when that was decided, and who is there. "
        "KEDA's own metrics and kube-state-metrics are shown where Prometheus has them.",
        {
            "Now": [
                figure("Backlog", Query(f"sum({LED % 'backlog'})"), text="Messages that wait or are held."),
                figure(
                    "In flight",
                    Query(f"sum({now('windrow_pool_in_flight')})"),
                    text="Messages that workers hold unacknowledged.",
                ),
                figure(
                    "Asked for",
                    Query(f"sum({LED % 'desired_replicas'})"),
                    text="Pods that the backlog asks for, by the scaler's arithmetic.",
                ),
                figure(
                    "Serving",
                    Query(f"sum({now('windrow_workers', SERVING)})"),
                    text="Workers with a lease.",
                ),
                figure(
                    "Draining",
                    Query(f"sum({now('windrow_workers', DRAINING)})"),
                    text="Workers that end after what they run.",
                ),
                figure(
                    "Scaler leads",
                    Query(f"sum(windrow_scaler_leader{{{OURS}}})"),
                    text="Exactly one replica acts.",
                    bad=-1,
                ),
            ],
            "What is asked for": [
                graph(
                    "Backlog and in flight",
                    [
                        Query(LED % "backlog", "{{pool}} backlog"),
                        Query(f"sum by (pool) ({now('windrow_pool_in_flight')})", "{{pool}} in flight"),
                    ],
                    text="Messages.",
                ),
                graph(
                    "Asked for, set and serving",
                    [
                        Query(LED % "desired_replicas", "{{pool}} asked for"),
                        Query(LED % "replicas", "{{pool}} set"),
                        Query(
                            f"sum by (pool) ({now('windrow_workers', SERVING)})",
                            "{{pool}} serving",
                        ),
                    ],
                    text="Pods: by the scaler's arithmetic, in the Deployment, and workers with a lease.",
                    steps=True,
                ),
                graph(
                    "The autoscaler's view",
                    [
                        Query(desired, "{{horizontalpodautoscaler}} desired"),
                        Query(
                            "max by (horizontalpodautoscaler) "
                            f"(kube_horizontalpodautoscaler_status_current_replicas{{{HPA}}})",
                            "{{horizontalpodautoscaler}} current",
                        ),
                        Query(
                            "max by (horizontalpodautoscaler) "
                            f"(kube_horizontalpodautoscaler_spec_max_replicas{{{HPA}}})",
                            "{{horizontalpodautoscaler}} maximum",
                        ),
                    ],
                    text="From kube-state-metrics.",
                    steps=True,
                ),
                graph(
                    "Ready pods",
                    Query(
                        f"max by (deployment) (kube_deployment_status_replicas_ready{{{DEPLOYMENT}}})",
                        "{{deployment}}",
                    ),
                    text="From kube-state-metrics.",
                    steps=True,
                ),
            ],
            "When it was decided": [
                graph(
                    "Jumps by the scaler",
                    Query(
                        f"sum by (pool) (increase(windrow_scaler_ramps_total{{{OURS}}}[$__rate_interval]))",
                        "{{pool}}",
                    ),
                    text="Raises of a Deployment at once, because of a burst.",
                    steps=True,
                    span=8,
                ),
                graph(
                    "Changes by the autoscaler",
                    Query(
                        "max by (horizontalpodautoscaler) (changes("
                        f"kube_horizontalpodautoscaler_status_desired_replicas{{{HPA}}}[$__rate_interval]))",
                        "{{horizontalpodautoscaler}}",
                    ),
                    text="From kube-state-metrics. Each is marked in the other graphs, too.",
                    steps=True,
                    span=8,
                ),
                graph(
                    "KEDA's number",
                    [
                        Query(
                            f"sum by (scaledObject) (keda_scaler_metrics_value{{{SCALED}}})",
                            "{{scaledObject}}",
                        ),
                        Query(
                            f"max by (scaledObject) (keda_scaler_active{{{SCALED}}})",
                            "{{scaledObject}} active",
                        ),
                    ],
                    text="What KEDA last read of the broker, and whether that keeps the pool above zero.",
                    steps=True,
                    span=8,
                ),
            ],
            "Workers": [
                graph(
                    "Slots",
                    [
                        Query(f"sum by (pool) ({now('windrow_worker_slots')})", "{{pool}} slots"),
                        Query(f"sum by (pool) ({now('windrow_worker_slots_busy')})", "{{pool}} busy"),
                    ],
                    text="Jobs that workers can run at once, and those that they run.",
                    span=8,
                ),
                graph(
                    "Lease age",
                    Query(now("windrow_worker_lease_age_max_seconds"), "{{pool}}"),
                    text="Of the worker that is behind most.",
                    unit="s",
                    span=8,
                ),
                graph(
                    "Lost, late and dropped",
                    [
                        Query(
                            f"sum by (pool) ({rate('windrow_workers_lost_total')})", "{{pool}} workers lost"
                        ),
                        Query(
                            f"sum by (pool) ({rate('windrow_finishes_late_total')})", "{{pool}} late finishes"
                        ),
                        Query(
                            f"sum by (pool) ({rate('windrow_messages_dropped_total')})",
                            "{{pool}} messages dropped",
                        ),
                    ],
                    text="A second.",
                    span=8,
                ),
            ],
            "The scaler": [
                graph(
                    "Pods and busy pods",
                    [
                        Query(f"max(windrow_scaler_pods{{{OURS}}})", "serving"),
                        Query(f"max(windrow_scaler_busy_pods{{{OURS}}})", "busy"),
                        Query(f"max(windrow_scaler_unknown_workers{{{OURS}}})", "workers without a pod"),
                    ],
                    text="As the scaler sees them.",
                    span=8,
                ),
                graph(
                    "Patches and errors",
                    [
                        Query(
                            f"sum by (kind) (rate(windrow_scaler_pod_patches_total{{{OURS}}}[$__rate_interval]))",
                            "{{kind}}",
                        ),
                        Query(
                            f"sum by (source) (rate(windrow_scaler_errors_total{{{OURS}}}[$__rate_interval]))",
                            "errors: {{source}}",
                        ),
                    ],
                    text="A second.",
                    span=8,
                ),
                listing(
                    "Pools left alone",
                    Query(LED % "yielding"),
                    text="1: somebody lowers what the scaler raises.",
                    span=8,
                ),
            ],
            "KEDA": [
                graph(
                    "Errors",
                    [
                        Query(
                            "sum by (scaledObject) "
                            f"(rate(keda_scaled_object_errors_total{{{SCALED}}}[$__rate_interval]))",
                            "{{scaledObject}}",
                        ),
                        Query(
                            "sum by (scaledObject) "
                            f"(rate(keda_scaler_detail_errors_total{{{SCALED}}}[$__rate_interval]))",
                            "{{scaledObject}}, a list",
                        ),
                    ],
                    text="Failed looks at the broker a second, and failed reads of one list while it can be reached.",
                ),
                graph(
                    "Time of a read",
                    Query(
                        f"max by (scaledObject) (keda_scaler_metrics_latency_seconds{{{SCALED}}})",
                        "{{scaledObject}}",
                    ),
                    text="How long KEDA waited for the broker.",
                    unit="s",
                ),
            ],
        },
        jobs="state=queued",
        marks={
            "Jumps by the scaler": f"sum by (pool) (changes(windrow_scaler_ramps_total{{{OURS}}}[1m])) > 0",
            "Changes by the autoscaler": "max by (horizontalpodautoscaler) "
            f"(changes(kube_horizontalpodautoscaler_status_desired_replicas{{{HPA}}}[1m])) > 0",
        },
    )
