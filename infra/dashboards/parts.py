"""What all dashboards are made of: panels, and the house's way to write a query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.models import common as commons
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import prometheus as kinds

HEIGHT = 8
STAT_HEIGHT = 4
#: Whose series they are.
OURS = 'namespace=~"$namespace"'
QUEUE = f'queue=~"$queue",{OURS}'
TASK = f'task=~"$task",{OURS}'
#: Objects of the pools: the chart calls their Deployments `<release>-worker-<pool>`.
HPA = f'horizontalpodautoscaler=~".*-worker-.+",{OURS}'
DEPLOYMENT = f'deployment=~".*-worker-.+",{OURS}'
#: KEDA's own scrape has its own namespace, and KEDA's label of that name is renamed.
SCALED = 'scaledObject=~".*-worker-.+",exported_namespace=~"$namespace"'
_SOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")


@dataclass(frozen=True)
class Query:
    """A PromQL expression and what its series are called."""

    expr: str
    legend: str = ""


def now(name: str, labels: str = OURS) -> str:
    """A gauge: every replica of the exporter shows the same, so the largest stands for all."""
    return f"max without (instance, pod) ({name}{{{labels}}})"


def rate(name: str, labels: str = OURS) -> str:
    """What a counter of the exporter grows by in a second."""
    return f"max without (instance, pod) (rate({name}{{{labels}}}[$__rate_interval]))"


def grown(name: str, labels: str = OURS) -> str:
    """What a counter of the exporter grew by in the time that is shown."""
    return f"max without (instance, pod) (increase({name}{{{labels}}}[$__range]))"


def quantile(part: float, name: str, labels: str, by: str = "") -> str:
    """Seconds under which `part` of the observations of an exporter's histogram stay."""
    labels_kept = f"le, {by}" if by else "le"
    return f"histogram_quantile({part}, sum by ({labels_kept}) ({rate(f'{name}_bucket', labels)}))"


def quantiles(name: str, labels: str) -> list[Query]:
    """The usual three."""
    return [
        Query(quantile(part, name, labels), text)
        for part, text in ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))
    ]


def graph(
    title: str,
    queries: Query | Sequence[Query],
    *,
    text: str,
    unit: str = "short",
    span: int = 12,
    stacked: bool = False,
    steps: bool = False,
    top: float | None = None,
    jobs: str = "",
) -> Any:
    """Series over time; `jobs`: the filter of the job list that a click on a series opens."""
    panel = (
        timeseries.Panel()
        .legend(
            common.VizLegendOptions()
            .display_mode(commons.LegendDisplayMode.LIST)
            .placement(commons.LegendPlacement.BOTTOM)
            .show_legend(True)
            .calcs([])
        )
        .tooltip(common.VizTooltipOptions().mode(commons.TooltipDisplayMode.MULTI))
        .fill_opacity(30 if stacked else 8)
        .line_width(1)
        .min(0)
    )
    if stacked:
        panel.stacking(common.StackingConfig().mode(commons.StackingMode.NORMAL))
    if steps:
        panel.line_interpolation(commons.LineInterpolation.STEP_AFTER)
    if top is not None:
        panel.max(top)
    if jobs:
        panel.data_links([_link("Jobs", f"${{api}}/v1/jobs?{jobs}")])
    return _filled(panel, title, queries, text, unit, span, HEIGHT)


def figure(
    title: str, query: Query, *, text: str, unit: str = "short", span: int = 4, bad: float | None = None
) -> Any:
    """One number as of now; red from `bad` on, or below it when `bad` is negative."""
    panel = (
        stat.Panel()
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .graph_mode(commons.BigValueGraphMode.AREA)
        .color_mode(commons.BigValueColorMode.VALUE)
    )
    if unit == "short":
        # Prometheus' increase() estimates; there are no parts of a job.
        panel.decimals(0)
    if bad is not None:
        first, then = ("green", "red") if bad >= 0 else ("red", "green")
        panel.thresholds(
            dashboard.ThresholdsConfig()
            .mode(models.ThresholdsMode.ABSOLUTE)
            .steps([models.Threshold(value=None, color=first), models.Threshold(value=abs(bad), color=then)])
        )
    return _filled(panel, title, query, text, unit, span, STAT_HEIGHT)


def listing(title: str, query: Query, *, text: str, span: int = 12, unit: str = "short") -> Any:
    """The series of now as a table."""
    hidden = {"Time": True, "__name__": True, "instance": True, "pod": True, "job": True, "namespace": True}
    panel = table.Panel().with_transformation(
        models.DataTransformerConfig(id_val="organize", options={"excludeByName": hidden})
    )
    return _filled(panel, title, query, text, unit, span, HEIGHT, instant=True)


def _filled(
    panel: Any,
    title: str,
    queries: Query | Sequence[Query],
    text: str,
    unit: str,
    span: int,
    height: int,
    instant: bool = False,
) -> Any:
    panel.title(title).description(text).datasource(_SOURCE).unit(unit).span(span).height(height)
    for number, query in enumerate([queries] if isinstance(queries, Query) else queries):
        target = (
            prometheus.Dataquery().expr(query.expr).legend_format(query.legend).ref_id(chr(ord("A") + number))
        )
        if instant:
            target.instant().format(kinds.PromQueryFormat.TABLE)
        else:
            target.range()
        panel.with_target(target)
    return panel


def _link(title: str, url: str) -> Any:
    return dashboard.DashboardLink(title).type(models.DashboardLinkType.LINK).url(url).target_blank(True)
