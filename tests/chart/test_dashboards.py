"""The dashboards in the chart are what the code compiles to, and ask for what is exposed."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tools import dashboards as environment

from tests.chart.conftest import CHART, ROOT, Render
from tests.chart.exposed import foreign, ours, series_of, unknown
from windrow.core.states import State

pytestmark = pytest.mark.timeout(900)
FOLDER = CHART / "files" / "dashboards"
FILES = sorted(FOLDER.glob("*.json"))
NAMES = {"overview", "queue", "task", "autoscaling", "schedules", "stores"}
#: What the job list can be asked for (`docs/`, `/v1/jobs`).
ASKED = {"state", "task", "queue", "tag", "limit"}
Board = dict[str, Any]


def load(path: Path) -> Board:
    found: Board = json.loads(path.read_text())
    return found


def queries(board: Board) -> Iterator[tuple[str, str, str]]:
    """Where, expression and legend of all that a dashboard asks Prometheus, variables and marks too."""
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            yield f"{board['uid']}: {panel['title']}", target["expr"], target.get("legendFormat", "")
    for mark in board["annotations"]["list"]:
        yield f"{board['uid']}: {mark['name']}", mark["expr"], ""


def links(board: Board) -> Iterator[str]:
    for link in board["links"]:
        yield link.get("url", "")
    for panel in board["panels"]:
        for link in panel.get("fieldConfig", {}).get("defaults", {}).get("links", ()):
            yield link["url"]


def test_the_files_are_what_the_code_compiles_to(tmp_path: Path) -> None:
    if not environment.made() and not os.environ.get("CI"):
        pytest.skip("the dashboards' environment is not here: run `make dashboards` once")
    ran = subprocess.run(
        [environment.python(), "-m", "infra.dashboards", tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        path.name: path.read_text() for path in FILES
    }, "make dashboards"


def test_there_are_six_and_each_has_its_panels_documented() -> None:
    assert {path.stem for path in FILES} == NAMES
    for path in FILES:
        board = load(path)
        assert board["uid"] == f"windrow-{path.stem}"
        for panel in board["panels"]:
            assert panel["type"] == "row" or panel["description"].endswith("."), panel["title"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_name_and_label_of_a_panel_is_one_that_is_exposed(path: Path) -> None:
    known = {**ours(), **foreign()}
    for where, expr, legend in queries(load(path)):
        assert list(series_of(expr)), where
        assert unknown(expr, known, re.findall(r"{{(\w+)}}", legend)) == [], where


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_is_selected_is_what_a_variable_has(path: Path) -> None:
    board = load(path)
    known = {variable["name"] for variable in board["templating"]["list"]}
    assert {"datasource", "namespace", "api"} <= known
    asked = "".join(expr for _, expr, _ in queries(board)) + "".join(links(board))
    used = set(re.findall(r"\$\{?(\w+)", asked)) - {"__field", "__rate_interval", "__range"}
    assert used <= known
    for _, expr, _ in queries(board):
        for name, labels in series_of(expr):
            # One release of several is shown.
            assert "namespace" in labels or "exported_namespace" in labels, name
    for variable in board["templating"]["list"]:
        for name, wanted in re.findall(
            r"label_values\((windrow_\w+)\S*, (\w+)\)", str(variable.get("query"))
        ):
            assert wanted in {*ours()[name], "namespace"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_exporters_series_is_never_added_up_over_its_replicas(path: Path) -> None:
    own = re.compile(
        r"windrow_(?!http_|scaler_|jobs_accepted|messages_left|event_streams|(?:ledger|broker)_up)\w+\{"
    )
    once = re.compile(r"max without \(instance, pod\) \((?:\w+\()?(windrow_\w+)\{")
    for where, expr, _ in queries(load(path)):
        assert len(own.findall(expr)) <= len(once.findall(expr)), where


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_links_to_the_job_list_ask_what_it_understands(path: Path) -> None:
    found = [url for url in links(load(path)) if url]
    assert found
    for url in found:
        assert url.startswith("${api}/v1/jobs?")
        for part in url.partition("?")[2].split("&"):
            key, value = part.split("=")
            assert key in ASKED
            assert key != "state" or "$" in value or value in set(State)


def test_each_is_a_config_map_that_grafanas_sidecar_takes(render: Render) -> None:
    given = "monitoring.dashboards.enabled=true,monitoring.dashboards.folder=Jobs,monitoring.apiUrl=https://jobs.example.com/"
    found = [one for one in render("--set", given) if "-dashboard-" in one["metadata"]["name"]]
    assert {one["metadata"]["name"] for one in found} == {f"windrow-dashboard-{name}" for name in NAMES}
    for one in found:
        assert one["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert one["metadata"]["annotations"] == {"grafana_folder": "Jobs"}
        ((name, text),) = one["data"].items()
        board = json.loads(text)
        assert name == f"{board['uid']}.json"
        (api,) = (variable for variable in board["templating"]["list"] if variable["name"] == "api")
        assert api["query"] == api["current"]["value"] == "https://jobs.example.com"
        assert "windrow-api.invalid" not in text


def test_every_alert_leads_to_a_dashboard_and_some_to_the_jobs(render: Render) -> None:
    given = (
        "monitoring.rulesConfigMap.enabled=true,monitoring.grafanaUrl=https://grafana.example.com/,"
        "monitoring.apiUrl=https://jobs.example.com"
    )
    (found,) = [one for one in render("--set", given) if one["metadata"]["name"] == "windrow-rules"]
    boards = {board["uid"]: board for board in map(load, FILES)}
    for group in yaml.safe_load(found["data"]["windrow.rules.yaml"])["groups"]:
        for alert in group["rules"]:
            assert alert.keys() == {"alert", "for", "labels", "expr", "annotations"}
            notes = alert["annotations"]
            uid, variables = re.fullmatch(
                r"https://grafana\.example\.com/d/([\w-]+)\?(.+)", notes["dashboard_url"]
            ).groups()  # type: ignore[union-attr]
            known = {variable["name"] for variable in boards[uid]["templating"]["list"]}
            assert {part.partition("=")[0].removeprefix("var-") for part in variables.split("&")} <= known
            if "jobs_url" in notes:
                asked = notes["jobs_url"].removeprefix("https://jobs.example.com/v1/jobs?")
                assert {part.partition("=")[0] for part in asked.split("&")} <= ASKED


def test_alerts_say_nothing_of_addresses_that_are_not_known(render: Render) -> None:
    (found,) = [
        one
        for one in render("--set", "monitoring.rulesConfigMap.enabled=true")
        if one["metadata"]["name"] == "windrow-rules"
    ]
    assert not re.search("dashboard_url|jobs_url", found["data"]["windrow.rules.yaml"])
