"""Every alert fires when it should and only then, on names that the exporter has, and leads to a runbook."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.chart.conftest import CHART, ROOT, Render
from tests.chart.exposed import Labels, foreign, ours, series_of, unknown
from tests.chart.mutants import mutants
from tests.chart.promtool import check_rules, outcomes
from tests.chart.recorded import built
from tests.chart.recorded import load as recording
from windrow.core.buckets import LABELS

#: The first one may have to build promtool.
pytestmark = pytest.mark.timeout(1800)
CASES = {path.stem: path for path in sorted((Path(__file__).parent / "rules").glob("*.yaml"))}
RUNBOOKS = ROOT / "docs" / "runbooks"
Alert = dict[str, Any]


@pytest.fixture(scope="module")
def rules_file(render: Render) -> str:
    """The file that Helm renders into the ConfigMap."""
    objects = render("--set", "monitoring.rulesConfigMap.enabled=true")
    (found,) = [one for one in objects if one["metadata"]["name"] == "windrow-rules"]
    text = found["data"]["windrow.rules.yaml"]
    assert isinstance(text, str)
    return text


@pytest.fixture(scope="module")
def alerts(rules_file: str) -> dict[str, Alert]:
    groups = yaml.safe_load(rules_file)["groups"]
    return {alert["alert"]: alert for group in groups for alert in group["rules"]}


@pytest.fixture(scope="module")
def inputs() -> dict[str, str]:
    """The promtool test of each alert, with the series as they were recorded."""
    return {name: built(path) for name, path in CASES.items()}


@pytest.fixture(scope="module")
def exposed() -> Labels:
    """Every name of our doors and of those whom we ask, with its labels."""
    return {**ours(), **foreign()}


def put(folder: Path, alert: Alert, inputs: Mapping[str, str]) -> Path:
    """A test file of this alert beside a rules file that has no other one."""
    folder.mkdir(parents=True)
    groups = {"groups": [{"name": "one", "rules": [alert]}]}
    (folder / "rules.yaml").write_text(yaml.safe_dump(groups))
    path = folder / "test.yaml"
    path.write_text(inputs[alert["alert"]])
    return path


def test_promtool_takes_the_rules(rules_file: str, alerts: dict[str, Alert], tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(rules_file)
    checked = check_rules(path)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"{len(alerts)} rules found" in checked.stdout


def test_both_objects_have_the_same_rules(render: Render, rules_file: str) -> None:
    objects = render("--set", "monitoring.prometheusRule.enabled=true")
    (rule,) = [found for found in objects if found["kind"] == "PrometheusRule"]
    assert rule["spec"] == yaml.safe_load(rules_file)


def test_every_alert_has_a_case_that_fires_and_one_that_keeps_quiet(alerts: dict[str, Alert]) -> None:
    assert CASES.keys() == alerts.keys()
    for name, path in CASES.items():
        cases = [case["name"].split()[0] for case in yaml.safe_load(path.read_text())["tests"]]
        assert {"fires", "keeps"} == set(cases), name


def test_every_alert_fires_when_it_should_and_only_then(
    alerts: dict[str, Alert], inputs: dict[str, str], tmp_path: Path
) -> None:
    said = outcomes(tmp_path, {name: put(tmp_path / name, alert, inputs) for name, alert in alerts.items()})
    assert {name: text for name, text in said.items() if text} == {}


def test_a_changed_alert_turns_its_test_red(
    alerts: dict[str, Alert], inputs: dict[str, str], tmp_path: Path
) -> None:
    cases = {
        f"{name}: {change}": put(tmp_path / f"{name}-{number}", mutant, inputs)
        for name, alert in alerts.items()
        for number, (change, mutant) in enumerate(mutants(alert))
    }
    assert len(cases) > 5 * len(alerts)
    green = [name for name, text in outcomes(tmp_path, cases).items() if not text]
    assert green == [], "\n".join(green)


def test_no_total_is_counted_once_a_replica_of_the_exporter(alerts: dict[str, Alert]) -> None:
    once = re.compile(r"max without \(instance, pod(?:, \w+)?\) \((?:increase\()?(windrow_\w+)")
    for name, alert in alerts.items():
        if name != "WindrowExporterAbsent":
            assert len(once.findall(alert["expr"])) == len(re.findall(r"windrow_\w+\{", alert["expr"])), name


def test_every_name_and_label_is_one_that_is_exposed(alerts: dict[str, Alert], exposed: Labels) -> None:
    for name, alert in alerts.items():
        shown = re.findall(r"\$labels\.(\w+)", str(alert["annotations"]))
        assert list(series_of(alert["expr"])), name
        assert unknown(alert["expr"], exposed, shown) == [], name


def test_what_was_recorded_of_a_running_stack_is_what_is_exposed() -> None:
    recorded = {
        name: set(labels) for names in recording()["series"].values() for name, labels in names.items()
    }
    assert recorded == ours(), "record anew: WINDROW_RECORD=1 make monitoring"


def test_a_case_with_a_label_or_a_value_that_was_not_recorded_is_refused(tmp_path: Path) -> None:
    text = CASES["WindrowJobsFailing"].read_text()
    for change in (
        ("outcome=", "result="),
        ('="failed"', '="wrong"'),
        ("windrow_jobs_fin", "windrow_job_fin"),
    ):
        (tmp_path / "case.yaml").write_text(text.replace(*change))
        with pytest.raises(AssertionError, match="recorded"):
            built(tmp_path / "case.yaml")


def test_every_alert_says_how_bad_what_and_where_to_read_on(alerts: dict[str, Alert]) -> None:
    for name, alert in alerts.items():
        assert alert["labels"]["severity"] in ("critical", "warning"), name
        notes = alert["annotations"]
        assert notes["summary"].endswith("."), name
        # The value, or the time that nothing was there.
        assert "$value" in notes["description"] or alert["for"] in notes["description"], name
        assert notes["runbook_url"].endswith(f"/docs/runbooks/{name}.md"), name


def test_every_alert_has_a_runbook_and_every_runbook_an_alert(alerts: dict[str, Alert]) -> None:
    assert {path.stem for path in RUNBOOKS.glob("Windrow*.md")} == alerts.keys()
    for name in alerts:
        text = (RUNBOOKS / f"{name}.md").read_text()
        parts = ["# " + name, "## What it means", "## What to look at", "## What to do", "## When to worry"]
        assert [line for line in text.splitlines() if re.match("##? ", line)] == parts, name


def test_an_alert_can_be_left_out_and_labels_given_to_all(render: Render, alerts: dict[str, Alert]) -> None:
    given = {
        "monitoring.rulesConfigMap.enabled": "true",
        "monitoring.rules.disabled[0]": "WindrowPoolAtMaximum",
        "monitoring.rules.labels.team": "jobs",
        "monitoring.rules.selector": "",
    }
    objects = render("--set", ",".join(f"{key}={value}" for key, value in given.items()))
    (found,) = [one for one in objects if one["metadata"]["name"] == "windrow-rules"]
    groups = yaml.safe_load(found["data"]["windrow.rules.yaml"])["groups"]
    made = {alert["alert"]: alert for group in groups for alert in group["rules"]}
    assert alerts.keys() - made.keys() == {"WindrowPoolAtMaximum"}
    assert {alert["labels"]["team"] for alert in made.values()} == {"jobs"}
    assert made["WindrowLedgerDown"]["expr"] == "max without (instance, pod) (windrow_ledger_up{}) == 0"


def test_the_objectives_may_name_every_bucket_and_no_other_number() -> None:
    schema = yaml.safe_load((CHART / "values.schema.json").read_text())
    rules = schema["properties"]["monitoring"]["properties"]["rules"]["properties"]
    for name in ("startBudget", "runBudget"):
        bounds = rules[name]["properties"]["seconds"]["enum"]
        assert [str(float(bound)) for bound in bounds] == list(LABELS[:-1])
