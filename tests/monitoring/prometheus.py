"""A real Prometheus and a real Alertmanager, and the few questions that are asked of them."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest
import yaml

from tests.support.processes import Doors
from windrow.dev.ports import free_port

#: Seconds between two scrapes, and for each: a loaded machine answers late, and a missed scrape is a hole.
SCRAPE_SECONDS = 2
PROGRAMS = ("prometheus", "prometheus-alertmanager")


class Scraped(Protocol):
    """Something to scrape."""

    def config(self) -> dict[str, Any]:
        """As an entry of scrape_configs."""


@dataclass(frozen=True)
class Target:
    """Something to scrape, with the labels that a ServiceMonitor of the chart gives it."""

    job: str
    name: str
    port: int

    def config(self) -> dict[str, Any]:
        """As an entry of scrape_configs."""
        labels = {
            "namespace": "jobs",
            "instance": self.name,
            "pod": f"{self.job.removeprefix('windrow-')}-{self.name}",
        }
        return {
            "job_name": f"{self.job}/{self.name}",
            "static_configs": [
                {"targets": [f"127.0.0.1:{self.port}"], "labels": {**labels, "job": self.job}}
            ],
        }


class Prometheus:
    """Both servers; they belong to `doors`, which ends them."""

    def __init__(self, doors: Doors, folder: Path, rules: str, targets: Sequence[Scraped]) -> None:
        for program in PROGRAMS:
            if shutil.which(program) is None:
                pytest.skip(f"no {program} on PATH: install Debian's packages {' and '.join(PROGRAMS)}")
        self.began = time.time()
        self._alertmanager = f"127.0.0.1:{free_port()}"
        self.url = f"http://127.0.0.1:{free_port()}"
        self._http = httpx.Client(timeout=20)
        (folder / "windrow.rules.yaml").write_text(rules)
        (folder / "alertmanager.yml").write_text(
            yaml.safe_dump({"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]})
        )
        config = {
            "global": {
                "scrape_interval": f"{SCRAPE_SECONDS}s",
                "scrape_timeout": f"{SCRAPE_SECONDS}s",
                "evaluation_interval": "1s",
            },
            "rule_files": ["windrow.rules.yaml"],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [self._alertmanager]}]}]},
            "scrape_configs": [target.config() for target in targets],
        }
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        doors.run(
            "alertmanager",
            [
                *(
                    "prometheus-alertmanager",
                    f"--web.listen-address={self._alertmanager}",
                    "--cluster.listen-address=",
                ),
                *(f"--config.file={folder}/alertmanager.yml", f"--storage.path={folder}/alertmanager"),
            ],
            ready=lambda: self._ready(f"http://{self._alertmanager}"),
        )
        doors.run(
            "prometheus",
            [
                *("prometheus", f"--web.listen-address={self.url.removeprefix('http://')}"),
                *(f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/prometheus"),
                # An alert goes out again after so long, even when nothing changed.
                "--rules.alert.resend-delay=5s",
            ],
            ready=lambda: self._ready(self.url),
        )

    def close(self) -> None:
        """The connections; whoever started the servers ends them."""
        self._http.close()

    def alerts(self) -> dict[str, list[Mapping[str, Any]]]:
        """What the Alertmanager holds for active, by name."""
        found: dict[str, list[Mapping[str, Any]]] = {}
        for alert in self._http.get(
            f"http://{self._alertmanager}/api/v2/alerts", params={"active": "true"}
        ).json():
            found.setdefault(alert["labels"]["alertname"], []).append(alert)
        return found

    def fired(self, since: float) -> set[str]:
        """Every alert that began to fire since then, by Prometheus' own record: a short one, too."""
        span = max(1, math.ceil(time.time() - since))
        expr = f"count by (alertname) (max_over_time(ALERTS_FOR_STATE[{span}s]) >= {since:.0f}) and on (alertname) "
        expr += f'count by (alertname) (max_over_time(ALERTS{{alertstate="firing"}}[{span}s]))'
        return {series["metric"]["alertname"] for series in self.ask("query", query=expr)}

    def quiet(self) -> bool:
        """No alert fires, nor was any near to it for some seconds: as a window empties, one may come and go.

        Those over hours are near to it for hours.
        """
        near = 'absent(max_over_time(ALERTS{alertname!~".+Slow"}[10s]))'
        return self.value(near) == 1 and not self.alerts()

    def value(self, expr: str) -> float | None:
        """Of an expression with one series at most."""
        found = self.ask("query", query=expr)
        return float(found[0]["value"][1]) if found else None

    def over(self, expr: str, since: float, step: float = SCRAPE_SECONDS) -> list[dict[str, Any]]:
        """Its series from then till now."""
        return self.ask(
            "query_range", query=expr, start=f"{since:.0f}", end=f"{time.time():.0f}", step=f"{step:.0f}"
        )

    def series(self, match: str) -> list[dict[str, str]]:
        """The labels of all that it has."""
        answer = self._http.get(f"{self.url}/api/v1/series", params={"match[]": match}).json()
        assert answer["status"] == "success", answer
        found: list[dict[str, str]] = answer["data"]
        return found

    def ask(self, what: str, **params: str) -> list[dict[str, Any]]:
        """The result of a query; fails when Prometheus does not take it."""
        answer = self._http.get(f"{self.url}/api/v1/{what}", params=params).json()
        assert answer["status"] == "success", f"{params}: {answer}"
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found

    def _ready(self, url: str) -> bool:
        try:
            return self._http.get(f"{url}/-/ready").status_code == 200
        except httpx.TransportError:
            return False
