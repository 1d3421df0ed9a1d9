"""A dashboard around its panels: name, variables, and links to the others and to the list of jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models import dashboard as models
from infra.dashboards.parts import OURS

#: What the chart puts the API's address for; whoever imports a file by hand changes the variable `api`.
API = "http://windrow-api.invalid"
TAG = "windrow"
_SOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
#: Variables besides datasource, namespace and api, by name: the series that has their values.
_FROM = {
    "queue": f"label_values(windrow_jobs{{{OURS}}}, queue)",
    "task": f"label_values(windrow_jobs_submitted_total{{{OURS}}}, task)",
}


def board(
    name: str,
    title: str,
    text: str,
    rows: Mapping[str, Sequence[Any]],
    *,
    variables: Sequence[str] = (),
    jobs: str = "",
    marks: Mapping[str, str] | None = None,
) -> Any:
    """The dashboard `windrow-<name>`; `jobs`: filter of its link to the job list; `marks`: when something happened."""
    made = (
        dashboard.Dashboard(f"Windrow / {title}")
        .uid(f"windrow-{name}")
        .description(text)
        .tags([TAG])
        .timezone("browser")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .time("now-3h", "now")
        .refresh("30s")
        .readonly()
        .link(_others())
        .link(_jobs(jobs))
    )
    for variable in (_datasource(), _namespace(), *(_values(name) for name in variables), _api()):
        made.with_variable(variable)
    for label, expr in (marks or {}).items():
        made.annotation(
            dashboard.AnnotationQuery()
            .name(label)
            .datasource(_SOURCE)
            .enable(True)
            .icon_color("blue")
            .expr(expr)
        )
    for row, panels in rows.items():
        made.with_row(dashboard.Row(row))
        for panel in panels:
            made.with_panel(panel)
    return made.build()


def _others() -> Any:
    return (
        dashboard.DashboardLink("Windrow")
        .type(models.DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .as_dropdown(True)
        .include_vars(True)
        .keep_time(True)
    )


def _jobs(wanted: str) -> Any:
    query = f"?{wanted}" if wanted else ""
    return (
        dashboard.DashboardLink("Jobs")
        .type(models.DashboardLinkType.LINK)
        .icon("external link")
        .tooltip("The job list of the API, which asks for a key")
        .url(f"${{api}}/v1/jobs{query}")
        .target_blank(True)
    )


def _datasource() -> Any:
    return dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus")


def _namespace() -> Any:
    return (
        dashboard.QueryVariable("namespace")
        .label("Namespace")
        .datasource(_SOURCE)
        .query("label_values(windrow_ledger_up, namespace)")
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
    )


def _values(name: str) -> Any:
    return (
        dashboard.QueryVariable(name)
        .label(name.capitalize())
        .datasource(_SOURCE)
        .query(_FROM[name])
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(models.VariableOption(selected=True, text="All", value="$__all"))
    )


def _api() -> Any:
    return (
        dashboard.TextBoxVariable("api")
        .label("API")
        .default_value(API)
        .current(models.VariableOption(selected=True, text=API, value=API))
    )
