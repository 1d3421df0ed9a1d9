"""`python -m infra.dashboards [FOLDER]`: write every dashboard as JSON, by default into the chart."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from infra.dashboards.autoscaling import autoscaling
from infra.dashboards.overview import overview
from infra.dashboards.queue import queue
from infra.dashboards.schedules import schedules
from infra.dashboards.stores import stores
from infra.dashboards.task import task

FOLDER = Path(__file__).resolve().parents[2] / "charts" / "windrow" / "files" / "dashboards"
MAKERS = (overview, queue, task, autoscaling, schedules, stores)


def text(made: Any) -> str:
    """The file of a dashboard; panels are numbered, so that links to one of them stay."""
    found = json.loads(json.dumps(made, cls=JSONEncoder))
    found["annotations"].setdefault("list", [])
    for number, panel in enumerate(found["panels"], 1):
        panel["id"] = number
    return json.dumps(found, indent=1, sort_keys=True) + "\n"


def main() -> int:
    """Write the files."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for make in MAKERS:
        (folder / f"{make.__name__}.json").write_text(text(make()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
