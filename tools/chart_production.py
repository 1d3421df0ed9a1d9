"""Put what `production: true` refuses into the chart's schema, each refusal with the words of its guard.

usage: python -m tools.chart_production CHART    (the folder, with values.schema.json as it was generated)
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

TABLE = ".production.yaml"
Schema = dict[str, Any]


def refusals(chart: Path) -> list[dict[str, Any]]:
    """The table: value, must, says, and maybe when."""
    found: list[dict[str, Any]] = yaml.safe_load((chart / TABLE).read_text("utf-8"))
    return [row | {"says": row["says"].replace("{value}", row["value"])} for row in found]


def schema(table: list[dict[str, Any]]) -> Schema:
    """For the root: `if` and `then`. A value may also be the refusal itself: a schema has no other way to speak."""
    rules = [_rule(row["value"], row["must"], row["says"], row.get("when", {})) for row in table]
    return {"if": _at("production", {"const": True}), "then": {"allOf": rules}}


def _rule(value: str, must: Schema, says: str, when: Mapping[str, Any]) -> Schema:
    rule = _at(value, {"anyOf": [must, {"const": says}]})
    if not when:
        return rule
    return {"if": {"allOf": [_at(path, {"const": wanted}) for path, wanted in when.items()]}, "then": rule}


def _at(path: str, schema: Schema) -> Schema:
    for name in reversed(path.split(".")):
        schema = {"properties": {name: schema}}
    return schema


def main() -> int:
    """Change the file."""
    chart = Path(sys.argv[1])
    path = chart / "values.schema.json"
    found = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps(found | schema(refusals(chart)), indent=2, ensure_ascii=False) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
