"""A real Prometheus over a running stack: what goes wrong fires its alert and no other, and every panel has data.

The tests share one stack and go in this order; each scene waits until the alert of the one before is over.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tools import dashboards as environment

from tests.chart import recorded
from tests.chart.conftest import ROOT
from tests.chart.exposed import ours, series_of
from tests.chart.recorded import comparable, summary
from tests.chart.test_dashboards import FILES, load
from tests.monitoring.stack import STUCK, Stack

#: The first one may have to build Helm.
pytestmark = pytest.mark.timeout(1800)
#: Generous: usually it takes windows and `for` of values.yaml, twenty seconds at most.
FIRE_SECONDS = 90


@pytest.fixture(scope="module")
def began(stack: Stack) -> float:
    """Ordinary work of every kind, and two looks of Prometheus at it: the moment before."""
    began = time.time()
    world = stack.world
    with world.client() as client:
        created = client.post(
            "/v1/schedules", json={"id": "every-two-seconds", "task": "reports.render", "every": 2}
        )
        assert created.status_code == 201, created.text
        accepted = client.post("/v1/jobs", json={"task": "reports.render"}, headers={"Prefer": "wait=20"})
        assert accepted.status_code in (200, 201, 202), accepted.text
        assert client.get("/v1/jobs", params={"state": "succeeded"}).status_code == 200
    ids = world.submit("reports.render", count=30)
    ids += world.submit("reports.render", queue="mail", count=5)
    ids += world.submit("feeds.fetch", 1, count=3)
    failing = world.submit("mail.send", queue="mail", count=2)
    world.wait_final(ids + failing, 60)
    folded = (
        'max(windrow_jobs_finished_total{task="reports.render",queue="default",outcome="succeeded"}) >= 31'
    )
    world.until(lambda: stack.prometheus.value(folded) is not None, 60)
    # Again, now that all series are known: what grows is seen to grow.
    use(stack)
    with world.client() as client:
        for job_id in failing:
            assert client.post(f"/v1/jobs/{job_id}:retry").status_code < 300
    world.wait_final([*failing, *world.submit("reports.render", count=4, expires_in=-1.0)], 60)
    return began


def use(stack: Stack) -> None:
    """As callers do all day."""
    with stack.world.client() as client:
        for _ in range(10):
            assert client.post("/v1/jobs", json={"task": "reports.render"}).status_code == 202
            assert client.get("/v1/jobs", params={"limit": 5}).status_code == 200


def scene(stack: Stack, alert: str, induce: Callable[[], object]) -> dict[str, Any]:
    """Do it and wait for the alert at the Alertmanager; nothing else may fire, and what fired before is over."""
    prometheus = stack.prometheus
    stack.world.until(prometheus.quiet, FIRE_SECONDS, prometheus.alerts)
    use(stack)
    began = time.time()
    induce()
    # Prometheus tells the Alertmanager a moment before its own record has it.
    stack.world.until(
        lambda: alert in prometheus.alerts() and alert in prometheus.fired(began),
        FIRE_SECONDS,
        lambda: (alert, prometheus.alerts()),
    )
    assert prometheus.fired(began) == {alert}, prometheus.alerts()
    (found,) = prometheus.alerts()[alert]
    notes = found["annotations"]
    assert notes["runbook_url"].endswith(f"/{alert}.md")
    assert notes["dashboard_url"].startswith("https://grafana.example.com/d/windrow-")
    # Prometheus left nothing to be filled in.
    assert not re.search(r"{{|<no value>|error", json.dumps(notes))
    return dict(found)


def test_an_ordinary_day_fires_nothing(stack: Stack, began: float) -> None:
    for job in ("windrow-exporter", "windrow-api", "windrow-scaler"):
        stack.world.until(lambda up=f'min(up{{job="{job}"}})': stack.prometheus.value(up) == 1, 30)  # type: ignore[misc]
    assert stack.prometheus.fired(began) == set()
    assert stack.prometheus.alerts() == {}


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
    submit = lambda: stack.world.submit("feeds.fetch", 4, count=15)  # noqa: E731
    assert scene(stack, "WindrowRetryStorm", submit)["labels"]["task"] == "feeds.fetch"


def test_slow_tasks(stack: Stack, began: float) -> None:
    found = scene(
        stack, "WindrowRunBudgetBurnsFast", lambda: stack.world.submit("images.resize", 3, count=12)
    )
    assert found["labels"]["task"] == "images.resize"


def test_a_queue_that_nobody_serves(stack: Stack, began: float) -> None:
    ids: list[str] = []
    submit = lambda: ids.extend(stack.world.submit("reports.render", queue=STUCK, count=3))  # noqa: E731
    try:
        assert scene(stack, "WindrowBacklogWithoutWorkers", submit)["labels"]["queue"] == STUCK
    finally:
        stack.world.cancel(ids)


def test_a_queue_whose_workers_do_not_come_to_its_oldest_job(stack: Stack, began: float) -> None:
    ids: list[str] = []

    def late() -> None:
        # All slots are taken; of quick tasks a worker would claim some ahead. For these, two minutes go by at once.
        ids.extend(stack.world.submit("images.resize", 30, count=4))
        stack.world.wait_state(ids, "running", 60)
        waiting = stack.world.submit("images.resize", 0, count=2)
        ids.extend(waiting)
        stack.world.execute(
            "UPDATE windrow.jobs SET created_at = created_at - interval '2 minutes', "
            f"run_at = run_at - interval '2 minutes' WHERE id IN ('{waiting[0]}', '{waiting[1]}')"
        )

    try:
        assert scene(stack, "WindrowOldestJobWaits", late)["labels"]["queue"] == "default"
    finally:
        stack.world.cancel(ids)


def test_a_beat_that_is_gone_and_everything_is_well_again_after_all(stack: Stack, began: float) -> None:
    try:
        scene(stack, "WindrowBeatAbsent", stack.end_beat)
    finally:
        stack.begin_beat()
    stack.world.until(stack.prometheus.quiet, FIRE_SECONDS, stack.prometheus.alerts)
    assert stack.prometheus.alerts() == {}
    too_many = "max_over_time((windrow_worker_slots_busy - windrow_worker_slots)[15m:2s]) > 0"
    assert stack.prometheus.ask("query", query=too_many) == []


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


def test_the_recording_for_the_rules_tests_is_what_prometheus_has_of_this_stack(
    stack: Stack, began: float
) -> None:
    seen = summary(stack.prometheus.series('{__name__=~"windrow_.+"}'))
    if os.environ.get("WINDROW_RECORD"):
        recorded.FILE.write_text(recorded.text(seen))
    assert comparable(seen) == comparable(recorded.load()), "record anew: WINDROW_RECORD=1 make monitoring"
    assert seen["targets"] == recorded.load()["targets"]


@pytest.mark.skipif(
    "WINDROW_PICTURES" not in os.environ, reason="WINDROW_PICTURES=1 draws those of docs/dashboards.md"
)
def test_the_pictures_of_the_docs_are_drawn_from_this(stack: Stack, began: float) -> None:
    folder = ROOT / "docs" / "dashboards"
    arguments = ("-m", "infra.dashboards.draw", stack.prometheus.url, str(int(began)), str(folder))
    command = [str(environment.python()), *arguments]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert {path.stem for path in folder.glob("*.png")} >= {path.stem for path in FILES}
