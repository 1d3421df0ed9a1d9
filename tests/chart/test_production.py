"""What production refuses is refused by the schema, and without it by a guard, in the same words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import jsonschema_rs
import pytest
import yaml
from tools.chart_production import refusals

from tests.chart.conftest import CHART, OFFERED, SCENARIOS, Run

pytestmark = pytest.mark.timeout(900)
TABLE = refusals(CHART)
#: What is wrong where the schema wants so.
WRONG = {
    "minLength": "",
    "const": False,
    "minimum": 1,
    "required": {"requests": {"cpu": "1", "memory": "1Gi"}},
}
SCENARIO = next(path for path in SCENARIOS if path.stem == "production-values")


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """As Helm does it."""
    found = dict(deepcopy(below))
    for key, value in above.items():
        old = found.get(key)
        both = isinstance(value, dict) and isinstance(old, dict)
        found[key] = merged(old, value) if both and old else value
    return found


def nested(path: str, value: Any) -> dict[str, Any]:
    for name in reversed(path.split(".")):
        value = {name: value}
    return dict(value)


@pytest.fixture(scope="module")
def values() -> dict[str, Any]:
    """A production release that nothing is wrong with."""
    return merged(yaml.safe_load((CHART / "values.yaml").read_text()), yaml.safe_load(SCENARIO.read_text()))


@pytest.fixture(scope="module")
def validator() -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(json.loads((CHART / "values.schema.json").read_text()))


def wrong(row: Mapping[str, Any]) -> dict[str, Any]:
    """The least that makes a good release one that is refused for it."""
    found = nested(row["value"], next(WRONG[key] for key in row["must"]))
    for path, value in row.get("when", {}).items():
        found = merged(found, nested(path, value))
    if "rabbitmq" in row["value"]:
        mq = {"host": "mq", "existingSecret": "mq", "consumerTimeoutSeconds": 7200}
        found = merged(found, {"broker": {"rabbitmq": mq}})
    return found


def test_a_good_release_is_taken(
    validator: jsonschema_rs.Draft202012Validator, values: dict[str, Any]
) -> None:
    assert values["production"]
    assert [str(error) for error in validator.iter_errors(values)] == []


@pytest.mark.parametrize("row", TABLE, ids=[row["value"] for row in TABLE])
def test_the_schema_refuses_it_in_production_and_only_there(
    validator: jsonschema_rs.Draft202012Validator, values: dict[str, Any], row: Mapping[str, Any]
) -> None:
    given = merged(values, wrong(row))
    if "resources" in row["value"]:
        part, _, _ = row["value"].partition(".")
        given[part]["resources"] = WRONG["required"]
    errors = list(validator.iter_errors(given))
    assert [list(error.instance_path) for error in errors] == [row["value"].split(".")]
    assert not list(validator.iter_errors({**given, "production": False}))
    for path, value in row.get("when", {}).items():
        # Where it does not matter it is not asked for.
        other = {"rabbitmq": "redis", "redis": "rabbitmq", True: False, False: True}[value]
        found = validator.iter_errors(merged(given, nested(path, other)))
        assert row["value"].split(".") not in [list(error.instance_path) for error in found], path


@pytest.mark.parametrize("row", TABLE[:8], ids=[row["value"] for row in TABLE[:8]])
def test_helm_shows_the_words_of_the_guard_with_the_schema_and_without(
    run: Run, row: Mapping[str, Any]
) -> None:
    arguments = ("template", "windrow", CHART, *OFFERED, "--values", SCENARIO, "--values", "/dev/stdin")
    given = wrong(row)
    if row["value"] == "broker.existingSecret":
        # What belongs to an external one is refused before.
        given = merged(given, {"broker": {"address": "", "tls": False}})
    text = yaml.safe_dump(given)
    by_schema = run("helm", *arguments, input=text)
    by_guard = run("helm", *arguments, "--skip-schema-validation", input=text)
    for ran in (by_schema, by_guard):
        assert ran.returncode == 1
        assert row["says"] in ran.stderr
    assert "meet the specifications of the schema" in by_schema.stderr
    assert "meet the specifications of the schema" not in by_guard.stderr
