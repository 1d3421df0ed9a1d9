"""A real Prometheus over a running stack: what goes wrong fires its alert and no other, and every panel has data.

The tests share one stack and go in this order; each alert of a scene may still be there in the next one.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.chart.exposed import ours, series_of
from tests.chart.test_dashboards import FILES, load
from tests.monitoring.stack import STUCK, Stack

#: The first one may have to build Helm.
pytestmark = pytest.mark.timeout(1800)
#: Generous: usually it takes windows and `for` of values.yaml, twenty seconds at most.
FIRE_SECONDS = 90
RETRY: dict[str, Any] = {"retry_errors": True, "options": '{"retry": {"base": 0.05, "cap": 0.1}}'}


@pytest.fixture(scope="module")
def began(stack: Stack) -> float:
    """Ordinary work of every kind, and two looks of Prometheus at it: the moment before."""
    began = time.time()
    world = stack.world
    with world.client() as client:
        created = client.post("/v1/schedules", json={"id": "nightly", "task": "reports.render", "every": 2})
        assert created.status_code == 201, created.text
        accepted = client.post("/v1/jobs", json={"task": "reports.render"}, headers={"Prefer": "wait=20"})
        assert accepted.status_code in (200, 201, 202), accepted.text
        assert client.get("/v1/jobs", params={"state": "succeeded"}).status_code == 200
    ids = world.submit("reports.render", count=30)
    ids += world.submit("reports.render", queue="mail", count=5)
    ids += world.submit("mail.send", queue="mail", count=2)
    ids += world.submit("feeds.fetch", 1, count=3, max_attempts=5, **RETRY)
    world.wait_final(ids, 60)
    folded = (
        'max(windrow_jobs_finished_total{task="reports.render",queue="default",outcome="succeeded"}) >= 31'
    )
    world.until(lambda: stack.prometheus.value(folded) is not None, 60)
    return began


def scene(stack: Stack, alert: str, induce: Callable[[], object]) -> dict[str, Any]:
    """Do it and wait for the alert at the Alertmanager; nothing else may have begun to fire."""
    began = time.time()
    induce()
    prometheus = stack.prometheus
    stack.world.until(
        lambda: alert in prometheus.alerts(), FIRE_SECONDS, lambda: (alert, prometheus.alerts())
    )
    assert prometheus.fired(began) == {alert}
    (found,) = prometheus.alerts()[alert]
    notes = found["annotations"]
    assert notes["runbook_url"].endswith(f"/{alert}.md")
    assert notes["dashboard_url"].startswith("https://grafana.example.com/d/windrow-")
    # Prometheus left nothing to be filled in.
    assert not re.search(r"{{|<no value>|error", json.dumps(notes))
    return dict(found)


def test_an_ordinary_day_fires_nothing(stack: Stack, began: float) -> None:
    assert stack.prometheus.fired(began) == set()
    assert stack.prometheus.alerts() == {}
    for job in ("windrow-exporter", "windrow-api", "windrow-scaler"):
        assert stack.prometheus.value(f'min(up{{job="{job}"}})') == 1, job


def test_a_burst_of_failures(stack: Stack, began: float) -> None:
    found = scene(
        stack, "WindrowJobsFailing", lambda: stack.world.submit("mail.send", queue="mail", count=40)
    )
    assert found["labels"]["task"] == "mail.send"
    assert found["annotations"]["jobs_url"] == "https://jobs.example.com/v1/jobs?state=failed&task=mail.send"
    assert found["annotations"]["dashboard_url"].endswith(
        "windrow-task?var-namespace=jobs&var-task=mail.send"
    )


def test_a_storm_of_retries(stack: Stack, began: float) -> None:
    submit = lambda: stack.world.submit("feeds.fetch", 4, count=15, max_attempts=6, **RETRY)  # noqa: E731
    assert scene(stack, "WindrowRetryStorm", submit)["labels"]["task"] == "feeds.fetch"


def test_slow_tasks(stack: Stack, began: float) -> None:
    found = scene(
        stack, "WindrowRunBudgetBurnsFast", lambda: stack.world.submit("images.resize", 3, count=12)
    )
    assert found["labels"]["task"] == "images.resize"


def test_a_queue_that_nobody_serves(stack: Stack, began: float) -> None:
    ids: list[str] = []
    submit = lambda: ids.extend(stack.world.submit("reports.render", queue=STUCK, count=3))  # noqa: E731
    assert scene(stack, "WindrowBacklogWithoutWorkers", submit)["labels"]["queue"] == STUCK
    stack.world.cancel(ids)


def test_a_queue_whose_workers_do_not_come_to_its_oldest_job(stack: Stack, began: float) -> None:
    ids: list[str] = []

    def late() -> None:
        # All slots are taken, and what comes then was due long ago. Of quick tasks a worker would claim some ahead.
        ids.extend(stack.world.submit("images.resize", 30, count=4))
        stack.world.wait_state(ids, "running", 60)
        ids.extend(stack.world.submit("images.resize", 0, count=2, delay=-120.0))

    assert scene(stack, "WindrowOldestJobWaits", late)["labels"]["queue"] == "default"
    stack.world.cancel(ids)


def test_a_beat_that_is_gone_and_everything_is_well_again_after_all(stack: Stack, began: float) -> None:
    scene(stack, "WindrowBeatAbsent", stack.end_beat)
    stack.begin_beat()
    stack.world.until(lambda: stack.prometheus.alerts() == {}, FIRE_SECONDS, stack.prometheus.alerts)


def panels() -> Iterator[Any]:
    for path in FILES:
        for panel in load(path)["panels"]:
            for target in panel.get("targets", ()):
                yield pytest.param(target["expr"], id=f"{path.stem}: {panel['title']} {target['refId']}")


@pytest.mark.parametrize("expr", list(panels()))
def test_every_panel_has_data(stack: Stack, began: float, expr: str) -> None:
    names = {name for name, _ in series_of(expr)}
    if not names & (ours().keys() | {"ALERTS"}):
        pytest.skip(
            f"wants a cluster: {', '.join(sorted(names))}; the names are held to what was recorded of them"
        )
    span = f"{int(time.time() - began)}s"
    asked = {"$__rate_interval": "12s", "$__range": span, "$namespace": "jobs", "$queue": ".*", "$task": ".*"}
    for variable, value in asked.items():
        expr = expr.replace(variable, value)
    found = stack.prometheus.over(expr, began)
    assert [value for series in found for _, value in series["values"] if value != "NaN"], expr
