"""The metrics of KEDA, kube-state-metrics and Prometheus as they are on a cluster: tests/chart/foreign_metrics.yaml."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tests.chart.exposed import RECORDED, TARGET

HEAD = """\
# Metrics of others that our rules and dashboards may use, with their labels, as a Prometheus had them of a cluster.
# Written by `WINDROW_RECORD=1 make e2e-full ARGS='-k monitoring'`; `make e2e-full` compares. What a scrape adds
# (namespace, job, instance, pod) is left out. KEDA's own label `namespace` is the ScaledObject's; Prometheus renames
# it, because KEDA's pod has one, too. ALERTS: the labels that all alerts share.
"""
#: Whose they are, by how their names begin.
OWNERS = {
    "kube_horizontalpodautoscaler_": "kube-state-metrics",
    "kube_deployment_": "kube-state-metrics",
    "keda_": "KEDA",
    "ALERTS": "Prometheus",
}
MATCH = '{__name__=~"kube_(horizontalpodautoscaler|deployment)_.+|keda_.+|ALERTS"}'
Seen = dict[str, set[str]]


def seen(series: Iterable[Mapping[str, str]]) -> Seen:
    """Each name with its labels."""
    found: Seen = {}
    for one in series:
        name, labels = one["__name__"], set(one) - TARGET - {"__name__"}
        if name == "ALERTS":
            found[name] = found.get(name, labels) & labels
        elif not name.endswith("_created"):
            found.setdefault(name, set()).update(labels)
    return found


def write(found: Seen, versions: Mapping[str, str]) -> None:
    """The file, by owner; `versions`: of each of them."""
    lines = [HEAD.rstrip()]
    for owner in dict.fromkeys(OWNERS.values()):
        lines += [f"- from: {owner} {versions[owner]}", "  metrics:"]
        for name in sorted(found):
            if any(name.startswith(start) and who == owner for start, who in OWNERS.items()):
                lines.append(f"    {name}: [{', '.join(sorted(found[name]))}]")
    RECORDED.write_text("\n".join(lines) + "\n", encoding="utf-8")
